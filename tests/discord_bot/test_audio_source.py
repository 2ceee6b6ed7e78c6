"""Audio of a voice channel, packet by packet: order, ends, silence, and no clicks."""

from __future__ import annotations

import threading
from array import array
from itertools import pairwise

import av
import pytest
from discord.opus import OPUS_SILENCE

from bots.discord_bot.voice import audio_source as sound_source
from bots.discord_bot.voice.audio_source import MAX_QUEUED, QueuedAudioSource
from core.audio.outgoing import OpusPackets
from core.interfaces import DeliveryTarget
from tests.support.audio_samples import tone
from tests.support.discord_inbox import make_message, make_target
from tests.support.spectrum import level_at

RATE = 24_000
#: What the codec takes at most until its first sample is heard.
DELAY = 960


def ask(job_id: str) -> DeliveryTarget:
    target, _ = make_target(make_message("1"), job_id)
    return target


def decode(packets: list[bytes]) -> array[int]:
    """Return the left channel at 48 kHz, as decoded by Discord's clients."""
    decoder = av.AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "stereo"
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
    pcm = b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in frames)
    return array("h", pcm)[::2]


def drain(source: QueuedAudioSource) -> list[bytes]:
    packets = []
    while packet := source.read():
        packets.append(packet)
        assert len(packets) < 10_000
    return packets


def feed(
    source: QueuedAudioSource, target: DeliveryTarget, pcm: bytes, step: int, rate: int = RATE
) -> None:
    for start in range(0, len(pcm), step):
        source.feed(target, pcm[start : start + step], rate)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100])
def test_a_tone_of_any_rate_keeps_its_pitch(rate: int) -> None:
    hz = 1000
    encoder = OpusPackets(rate)
    sound = tone(0.5, hz, 8000, rate)
    packets = [p for at in range(0, len(sound), 1234) for p in encoder.feed(sound[at : at + 1234])]
    packets += encoder.finish()
    decoded = decode(packets)
    assert 24_000 <= len(decoded) <= 24_000 + 2 * DELAY
    middle = decoded[4800:-4800]
    assert level_at(middle, hz, 48_000) == pytest.approx(8000, rel=0.1)
    # Neither overtones, nor the images that a resampler leaves beyond the old rate's half.
    for other in (hz * 2, hz * 3, rate - hz, rate + hz):
        if 0 < other < 24_000:
            assert level_at(middle, other, 48_000) < 80, other


def test_chunk_borders_are_inaudible() -> None:
    rate = 22_050
    sound = tone(0.4, 440, 8000, rate)
    decoded = []
    for step in (len(sound), 2, 998):
        encoder = OpusPackets(rate)
        chunks = [sound[at : at + step] for at in range(0, len(sound), step)]
        decoded.append([p for chunk in chunks for p in encoder.feed(chunk)] + encoder.finish())
    smooth = decode(decoded[0])
    steps = max(abs(b - a) for a, b in pairwise(smooth[2400:-2400]))
    for packets in decoded[1:]:
        samples = decode(packets)
        assert len(samples) == len(smooth)
        jumps = max(abs(b - a) for a, b in pairwise(samples[2400:-2400]))
        assert jumps < steps * 1.1
        assert level_at(samples[2400:-2400], 440, 48_000) == pytest.approx(8000, rel=0.1)


def test_a_clip_starts_once_enough_is_buffered() -> None:
    source, target = QueuedAudioSource(), ask("a")
    source.feed(target, tone(0.1, 440, 8000, RATE), RATE)
    assert source.read() == OPUS_SILENCE
    source.feed(target, tone(0.15, 440, 8000, RATE), RATE)
    assert source.read() != OPUS_SILENCE


def test_an_underrun_is_silence() -> None:
    source, target = QueuedAudioSource(), ask("a")
    sound = tone(0.6, 440, 8000, RATE)
    source.feed(target, sound[: RATE // 2], RATE)  # 0.25 s
    early = [source.read() for _ in range(30)]
    assert sum(p == OPUS_SILENCE for p in early) == 30 - 12
    source.feed(target, sound[RATE // 2 :], RATE)
    source.end("a")
    late = drain(source)
    assert OPUS_SILENCE not in late and len(late) >= 18
    # Nothing is lost: half a packet waited for its other half.
    decoded = decode([p for p in early if p != OPUS_SILENCE] + late)
    assert len(decoded) >= 0.6 * 48_000


def test_clips_play_in_the_order_they_were_started() -> None:
    source, first, second = QueuedAudioSource(), ask("a"), ask("b")
    low, high = tone(0.5, 300, 8000, RATE), tone(0.5, 900, 8000, RATE)
    for start in range(0, len(low), 2400):
        source.feed(first, low[start : start + 2400], RATE)
        source.feed(second, high[start : start + 2400], RATE)
    source.end("b")
    source.end("a")
    packets = drain(source)
    half = len(packets) // 2
    one, two = decode(packets[:half])[2400:-2400], decode(packets[half:])[2400:-2400]
    assert level_at(one, 300, 48_000) > 7000 and level_at(one, 900, 48_000) < 80
    assert level_at(two, 900, 48_000) > 7000 and level_at(two, 300, 48_000) < 80


def test_a_retried_job_repeats_no_audio() -> None:
    source, sound = QueuedAudioSource(), tone(1.0, 440, 8000, RATE)
    assert source.is_opus() and source.read() == b""
    feed(source, ask("a"), sound[:RATE], 1000)  # half of it, then the engine fails
    feed(source, ask("a"), sound, 1000)
    source.end("a")
    # 50 and what the codec's delay adds; nothing in between is silence.
    assert 50 <= len(packets := drain(source)) <= 52 and OPUS_SILENCE not in packets
    source.feed(ask("a"), sound, RATE)  # it was heard to its end
    assert source.is_empty
    # A short one does not wait for a cushion.
    source.feed(ask("b"), sound[: RATE // 10], RATE)
    source.end("b")
    assert OPUS_SILENCE not in (packets := drain(source)) and len(packets) >= 3


def test_cleared_clips_never_come_back() -> None:
    source, first, second = QueuedAudioSource(), ask("a"), ask("b")
    sound = tone(0.5, 440, 8000, RATE)
    for target in (first, second):
        source.feed(target, sound, RATE)
    assert source.read()
    source.clear()
    source.drop("c")
    for target in (first, second, ask("c")):
        assert source.read() == b""
        source.feed(target, sound, RATE)
    assert source.read() == b""
    source.feed(ask("d"), sound, RATE)
    assert source.read()


def test_a_stalled_clip_gives_way_to_the_next() -> None:
    source = QueuedAudioSource()
    source.feed(ask("a"), tone(0.3, 440, 8000, RATE), RATE)
    source.feed(ask("b"), tone(0.3, 440, 8000, RATE), RATE)
    source.end("b")
    packets = drain(source)
    silences = sum(p == OPUS_SILENCE for p in packets)
    assert silences == pytest.approx(sound_source.STALL_S / 0.02, abs=2)
    assert len(packets) - silences >= 30
    source.feed(ask("c"), tone(0.3, 440, 8000, RATE), RATE)
    alone = sum(p == OPUS_SILENCE for p in drain(source))
    assert alone == pytest.approx(sound_source.STALL_ALONE_S / 0.02, abs=2)


def test_the_queue_is_bounded() -> None:
    source = QueuedAudioSource()
    for number in range(MAX_QUEUED + 5):
        source.feed(ask(str(number)), tone(0.1, 440, 8000, RATE), RATE)
        source.end(str(number))
    packets = drain(source)
    assert MAX_QUEUED * 5 <= len(packets) <= MAX_QUEUED * 7


def test_feeding_during_playback_loses_nothing() -> None:
    source, target = QueuedAudioSource(), ask("a")
    sound = tone(1.0, 440, 8000, RATE) * 8
    packets: list[bytes] = []
    feeding = threading.Thread(target=feed, args=(source, target, sound, 700))
    feeding.start()
    while feeding.is_alive() or not packets:
        packet = source.read()
        packets += [packet] if packet not in (b"", OPUS_SILENCE) else []
    source.end("a")
    packets += [packet for packet in drain(source) if packet != OPUS_SILENCE]
    assert 8 * 50 <= len(packets) <= 8 * 50 + 2
    assert level_at(decode(packets)[4800:96_000], 440, 48_000) == pytest.approx(8000, rel=0.1)
