"""The audio of one voice channel: a queue of clips that discord.py plays one after the other.

Samples come in on the event loop and leave on the player's thread, which takes a packet every
20 ms and encodes it there; neither waits for the other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

import discord
from discord.opus import OPUS_SILENCE

from core import audio
from core.interfaces import DeliveryTarget

#: Buffered audio before a clip starts, or continues after an underrun.
BUFFER_S = 0.2
#: Silence after which a stalled clip is dropped: while others wait, and while it is alone.
STALL_S, STALL_ALONE_S = 4.0, 20.0
#: Most clips in the queue; further ones are dropped.
MAX_QUEUED = 20
#: Finished or dropped jobs that are remembered, so that their late audio is ignored.
_MAX_FINISHED = 500
#: Duration of one packet.
PACKET_S = 0.02
#: Audio encoded at a time: little, so that a stop takes effect at once.
_CHUNK_S = 0.1


class AudioClip:
    """The speech of one job, fed while it is played."""

    def __init__(self, target: DeliveryTarget, rate_hz: int) -> None:
        self._target = target
        self._chunk_bytes = int(_CHUNK_S * rate_hz) * 2
        self._buffer_bytes = int(BUFFER_S * rate_hz) * 2
        self._encoder = audio.OpusPackets(rate_hz)
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._packets: deque[bytes] = deque()
        self._fed = self._known = 0
        self._is_ended = self._is_finished = False
        self._is_dry = True
        #: Silence since the last packet.
        self.quiet_s = 0.0

    @property
    def is_over(self) -> bool:
        """True once every packet was taken."""
        return self._is_finished and not self._packets

    def feed(self, target: DeliveryTarget, pcm: bytes) -> None:
        """Add samples; what a retried job repeats from its start is skipped."""
        if target is not self._target:
            self._target, self._known, self._fed = target, max(self._known, self._fed), 0
        new = pcm[max(0, self._known - self._fed) :]
        self._fed += len(pcm)
        with self._lock:
            self._pcm += new

    def end(self) -> None:
        """Note that the clip is complete."""
        self._is_ended = True

    def take(self) -> bytes:
        """Return the next packet, empty if there is none yet."""
        if not self._packets and not self._is_finished:
            self._encode()
        if not self._packets:
            self.quiet_s += PACKET_S
            return b""
        self.quiet_s = 0.0
        return self._packets.popleft()

    def _encode(self) -> None:
        is_ended = self._is_ended  # before the buffer is read
        with self._lock:
            least = self._buffer_bytes if self._is_dry else 1
            is_enough = is_ended or len(self._pcm) >= least
            pcm = bytes(self._pcm[: self._chunk_bytes]) if is_enough else b""
            del self._pcm[: len(pcm)]
        self._is_dry = not pcm
        self._packets += self._encoder.feed(pcm)
        if not pcm and is_ended:
            self._packets += self._encoder.finish()
            self._is_finished = True


class QueuedAudioSource(discord.AudioSource):
    """The queue of clips of one voice connection; it can be played again after it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clips: OrderedDict[str, AudioClip] = OrderedDict()
        self._finished: OrderedDict[str, None] = OrderedDict()

    @property
    def is_empty(self) -> bool:
        """True while no clip is queued."""
        return not self._clips

    def feed(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Add a job's samples: 16-bit mono."""
        job_id = target.job_id
        with self._lock:
            if job_id in self._finished:
                return
            clip = self._clips.get(job_id)
            if clip is None and len(self._clips) >= MAX_QUEUED:
                self._finish(job_id)
                return
            if clip is None:
                clip = self._clips[job_id] = AudioClip(target, rate_hz)
        clip.feed(target, pcm)

    def end(self, job_id: str) -> None:
        """Note that a job's clip is complete, or that the job has failed."""
        with self._lock:
            clip = self._clips.get(job_id)
        if clip:
            clip.end()

    def clear(self) -> None:
        """Drop all clips, and what still comes of their jobs."""
        with self._lock:
            for job_id in self._clips:
                self._finish(job_id)
            self._clips.clear()

    def drop(self, job_id: str) -> None:
        """Drop a job's clip, and what still comes of it."""
        with self._lock:
            self._clips.pop(job_id, None)
            self._finish(job_id)

    def read(self) -> bytes:
        """Return 20 ms of Opus: silence on an underrun, nothing at the end of the queue."""
        while clip := self._first():
            if packet := clip.take():
                return packet
            is_alone = len(self._clips) == 1
            is_stalled = clip.quiet_s >= (STALL_ALONE_S if is_alone else STALL_S)
            if not (clip.is_over or is_stalled):
                return OPUS_SILENCE
            self._skip(clip)
        return b""

    def is_opus(self) -> bool:
        """Return True: packets are already encoded."""
        return True

    def _first(self) -> AudioClip | None:
        with self._lock:
            return next(iter(self._clips.values()), None)

    def _skip(self, clip: AudioClip) -> None:
        """Go on to the next clip, unless the queue was cleared meanwhile."""
        with self._lock:
            job_id = next(iter(self._clips), "")
            if self._clips.get(job_id) is clip:
                del self._clips[job_id]
                self._finish(job_id)

    def _finish(self, job_id: str) -> None:
        self._finished[job_id] = None
        if len(self._finished) > _MAX_FINISHED:
            self._finished.popitem(last=False)
