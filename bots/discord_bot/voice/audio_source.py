"""What is to be heard in one voice channel, one sound after the other, as discord.py takes it.

Sound comes in from the event loop and goes out from the player's thread, which wants a packet
every 20 ms: encoding happens there, and neither waits for the other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

import discord
from discord.opus import OPUS_SILENCE

from core import audio
from core.interfaces import DeliveryTarget

#: Sound that must be there before a sound begins, or goes on after it ran dry.
CUSHION_S = 0.2
#: Silence after which a sound that brings no more is given up: at once where others wait.
STALL_S, STALL_ALONE_S = 4.0, 20.0
#: Sounds that wait; more than these are not heard.
MAX_WAITING = 20
#: Jobs of which it is known that nothing of them is to be heard any more.
_MAX_SPENT = 500
#: What one packet holds.
PACKET_S = 0.02
#: Encoded at once: little, so that a stop is heard at once.
_LOT_S = 0.1


class AudioClip:
    """The sound of one job: fed while it is played."""

    def __init__(self, target: DeliveryTarget, rate_hz: int) -> None:
        self._target = target
        self._lot = int(_LOT_S * rate_hz) * 2
        self._cushion = int(CUSHION_S * rate_hz) * 2
        self._encoder = audio.OpusPackets(rate_hz)
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._packets: deque[bytes] = deque()
        self._fed = self._known = 0
        self._is_ended = self._is_finished = False
        self._is_dry = True
        #: Silence so far since the last packet.
        self.quiet_s = 0.0

    @property
    def is_over(self) -> bool:
        """True once all of it was taken."""
        return self._is_finished and not self._packets

    def feed(self, target: DeliveryTarget, pcm: bytes) -> None:
        """Take the next samples. A job that is tried again says the same from its start."""
        if target is not self._target:
            self._target, self._known, self._fed = target, max(self._known, self._fed), 0
        new = pcm[max(0, self._known - self._fed) :]
        self._fed += len(pcm)
        with self._lock:
            self._pcm += new

    def end(self) -> None:
        """Note that no more comes."""
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
        is_ended = self._is_ended  # before the look at what is there
        with self._lock:
            least = self._cushion if self._is_dry else 1
            is_enough = is_ended or len(self._pcm) >= least
            pcm = bytes(self._pcm[: self._lot]) if is_enough else b""
            del self._pcm[: len(pcm)]
        self._is_dry = not pcm
        self._packets += self._encoder.feed(pcm)
        if not pcm and is_ended:
            self._packets += self._encoder.finish()
            self._is_finished = True


class QueuedAudioSource(discord.AudioSource):
    """All sounds of one stay in a voice channel; it ends, and can be played again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sounds: OrderedDict[str, AudioClip] = OrderedDict()
        self._spent: OrderedDict[str, None] = OrderedDict()

    @property
    def is_empty(self) -> bool:
        """True while nothing waits to be heard."""
        return not self._sounds

    def feed(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Add the sound of a job as it comes: 16-bit mono."""
        job_id = target.job_id
        with self._lock:
            if job_id in self._spent:
                return
            sound = self._sounds.get(job_id)
            if sound is None and len(self._sounds) >= MAX_WAITING:
                self._spend(job_id)
                return
            if sound is None:
                sound = self._sounds[job_id] = AudioClip(target, rate_hz)
        sound.feed(target, pcm)

    def end(self, job_id: str) -> None:
        """Note that a job's sound is complete, or that the job has failed."""
        with self._lock:
            sound = self._sounds.get(job_id)
        if sound:
            sound.end()

    def clear(self) -> None:
        """Drop all sounds, and what their jobs still bring."""
        with self._lock:
            for job_id in self._sounds:
                self._spend(job_id)
            self._sounds.clear()

    def drop(self, job_id: str) -> None:
        """Let nothing be heard of a job, now or later."""
        with self._lock:
            self._sounds.pop(job_id, None)
            self._spend(job_id)

    def read(self) -> bytes:
        """Return 20 ms of Opus: silence where sound is late, nothing once all was heard."""
        while sound := self._first():
            if packet := sound.take():
                return packet
            is_alone = len(self._sounds) == 1
            is_stalled = sound.quiet_s >= (STALL_ALONE_S if is_alone else STALL_S)
            if not (sound.is_over or is_stalled):
                return OPUS_SILENCE
            self._pass(sound)
        return b""

    def is_opus(self) -> bool:
        """Tell that packets come ready to be sent."""
        return True

    def _first(self) -> AudioClip | None:
        with self._lock:
            return next(iter(self._sounds.values()), None)

    def _pass(self, sound: AudioClip) -> None:
        """Go on to the next sound, unless all was dropped meanwhile."""
        with self._lock:
            job_id = next(iter(self._sounds), "")
            if self._sounds.get(job_id) is sound:
                del self._sounds[job_id]
                self._spend(job_id)

    def _spend(self, job_id: str) -> None:
        self._spent[job_id] = None
        if len(self._spent) > _MAX_SPENT:
            self._spent.popitem(last=False)
