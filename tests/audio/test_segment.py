"""pydub's segment on PyAV: no ffmpeg, process, temporary file or warning at import."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from core.audio.segment import VoiceSegment
from tests.support import audio_samples
from tests.support.audio_samples import decode, file, speech


def test_ogg_to_wav_equals_the_decoder() -> None:
    note = file("ogg-opus")
    out = VoiceSegment.from_file(note).export(io.BytesIO(), format="wav")
    assert out.read()[44:] == decode(note)


@pytest.mark.parametrize("format", ["mp3", "ogg", "flac"])
def test_ogg_to_others(format: str) -> None:
    segment = VoiceSegment.from_file(io.BytesIO(file("ogg-opus")))
    data = segment.export(format=format).read()
    back = VoiceSegment.from_file(data)
    assert len(back) == pytest.approx(3000, abs=60)
    assert back.dBFS == pytest.approx(segment.dBFS, abs=1.5)


def test_bit_rate() -> None:
    segment = VoiceSegment.from_pcm(speech(10))
    small, large = (len(segment.export(format="mp3", bitrate=b).read()) for b in ("32k", "128k"))
    assert small == pytest.approx(40_000, rel=0.1)
    assert large == pytest.approx(160_000, rel=0.1)


def test_files_by_path(tmp_path: Path) -> None:
    VoiceSegment.from_pcm(speech(1)).export(tmp_path / "a.mp3", format="mp3").close()
    assert len(VoiceSegment.from_file(tmp_path / "a.mp3")) == pytest.approx(1000, abs=60)
    with pytest.raises(TypeError, match="parameters"):  # those of ffmpeg
        VoiceSegment.from_pcm(speech(1)).export(format="mp3", parameters=["-ac", "2"])


def test_pydub_is_still_pydub() -> None:
    segment = VoiceSegment.from_pcm(speech(2))
    joined = (segment[:500] + 3).fade_in(50) + segment[500:]
    assert isinstance(joined, VoiceSegment)
    assert len(joined) == 2000
    assert joined[100:500].dBFS == pytest.approx(segment[100:500].dBFS + 3, abs=0.1)


def test_waveform() -> None:
    assert VoiceSegment.from_pcm(b"").waveform() == b"\0"
    assert len(VoiceSegment.from_pcm(speech(3)).waveform()) == 30
    wave = VoiceSegment.from_pcm(audio_samples.silence(30) + speech(30)).waveform()
    assert (len(wave), max(wave), max(wave[:127])) == (256, 255, 0)


def test_import_is_silent_and_the_parent_loads_no_libav() -> None:
    code = "import core.audio.segment, core.audio.worker, core.audio as a; a.Media()"
    lean = "import sys, core.audio; print({'av', 'pydub'} & set(sys.modules))"
    for script, output in ((code, b""), (lean, b"set()\n")):
        command = [sys.executable, "-W", "error", "-c", script]
        done = subprocess.run(command, env={"PATH": ""}, capture_output=True, cwd="/")
        assert (done.returncode, done.stdout, done.stderr) == (0, output, b"")
