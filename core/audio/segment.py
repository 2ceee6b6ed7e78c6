"""pydub's AudioSegment, with PyAV where pydub would run ffmpeg and ffprobe.

Slicing, joining, gain, fades, level and WAV are pydub's own. Do not use pydub's `set_frame_rate`,
which causes aliasing, nor `pydub.silence`, which is 300 times slower than `core.audio.cutter`.
"""

from __future__ import annotations

import io
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Self

from core.audio.codec import Decoder, encode

with warnings.catch_warnings():
    # pydub looks for ffmpeg, has invalid escapes, and imports audioop, which is deprecated.
    warnings.filterwarnings("ignore", message="Couldn't find ff")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    from pydub import AudioSegment
    from pydub.audio_segment import audioop as audioop

_WAVEFORM_POINTS = 256


class VoiceSegment(AudioSegment):  # type: ignore[misc]
    """Mono audio whose `from_file` and `export` need no process and no temporary file."""

    @classmethod
    def from_pcm(cls, pcm: bytes, rate_hz: int = 16_000) -> Self:
        """Return a segment of 16-bit mono samples, without copying them."""
        return cls(data=pcm, sample_width=2, frame_rate=rate_hz, channels=1)

    @classmethod
    def from_file(
        cls,
        file: bytes | str | Path | BinaryIO,
        format: str | None = None,
        *,
        rate_hz: int = 16_000,
    ) -> Self:
        """Return the decoded file. Raises BadAudio, TooLong.

        format: ignored, it is detected. Only for audio that we made: media from people goes
        through `core.audio.Media`.
        """
        blocks = Decoder(_read(file), rate_hz=rate_hz).blocks()
        return cls.from_pcm(b"".join(blocks), rate_hz)

    def export(
        self, out_f: BinaryIO | str | Path | None = None, format: str = "mp3", **options: Any
    ) -> BinaryIO:
        """Write as "wav", "raw", "mp3", "ogg" (Opus) or "flac"; return the open file.

        options: `bitrate` as pydub writes it, such as "64k".
        """
        if format in ("wav", "raw"):
            return super().export(out_f, format=format)  # type: ignore[no-any-return]
        text = options.pop("bitrate", None)
        bit_rate = int(text.lower().removesuffix("k")) * 1000 if text else None
        if options:
            raise TypeError(f"unsupported options: {sorted(options)}")
        mono = self.set_channels(1).set_sample_width(2)
        data = encode(mono.raw_data, rate_hz=mono.frame_rate, format=format, bit_rate=bit_rate)
        if isinstance(out_f, str | Path):
            out_f = Path(out_f).open("w+b")  # noqa: SIM115 the caller closes it, as with pydub
        out = out_f or io.BytesIO()
        out.write(data)
        out.seek(0)
        return out

    def waveform(self) -> bytes:
        """Return the loudness over time, as `Waveform` does."""
        waveform = Waveform(self.frame_rate)
        waveform.feed(self.set_channels(1).set_sample_width(2).raw_data)
        return waveform.points()


class Waveform:
    """Loudness of 16-bit mono samples over time: one point per 100 ms, at most 256 in all."""

    def __init__(self, rate_hz: int) -> None:
        self._step = rate_hz // 10 * 2
        self._rest = b""
        self._levels: list[int] = []

    def feed(self, pcm: bytes) -> None:
        """Add the next samples."""
        pcm = self._rest + pcm
        end = len(pcm) // self._step * self._step
        for start in range(0, end, self._step):
            self._levels.append(audioop.rms(pcm[start : start + self._step], 2))
        self._rest = pcm[end:]

    def points(self) -> bytes:
        """Return the points, 0 to 255, relative to the loudest."""
        levels = self._levels or [audioop.rms(self._rest, 2)]
        count = min(_WAVEFORM_POINTS, len(levels))
        edges = [len(levels) * index // count for index in range(count + 1)]
        means = [
            (sum(level * level for level in levels[a:b]) / (b - a)) ** 0.5
            for a, b in pairwise(edges)
        ]
        loudest = max(means) or 1.0
        return bytes(int(255 * mean / loudest) for mean in means)


def _read(file: bytes | str | Path | BinaryIO) -> bytes:
    if isinstance(file, bytes):
        return file
    return Path(file).read_bytes() if isinstance(file, str | Path) else file.read()
