"""Calls to a synthesizer: each piece of a text is stored, or paid for and stored.

Stored as FLAC before the next step, so that a job that runs again pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from core import audio
from core.clock import Clock
from core.errors import EngineBadReply
from core.interfaces import Synthesizer
from core.limits import AccountGate
from core.limits.budgets import Budgets, FindShare, Reservation
from core.limits.gate import OnWait
from core.limits.prices import measure
from core.models import Amount, Usage, Utterance, add_amounts
from core.requester import REQUESTER
from core.stall import note_progress
from core.store.work.results import Results
from core.synthesis.progress import Put, estimate_s

#: How much longer slow speech is than expected: so much of a budget is held for it.
_SLOWEST = 1.5


class SpeechCalls:
    """Calls to one synthesizer."""

    def __init__(
        self, synthesizer: Synthesizer, results: Results, budgets: Budgets, clock: Clock
    ) -> None:
        self.synthesizer = synthesizer
        self._results, self._budgets = results, budgets
        #: Limits the calls to the engine.
        self.gate = AccountGate(synthesizer.name, synthesizer.limits, "speech", clock)

    @asynccontextmanager
    async def hold_all(self, utterances: Sequence[Utterance]) -> AsyncIterator[None]:
        """Hold what the calls in the body may cost that are not stored yet. Raises OverBudget."""
        keys = {self._key(utterance, ""): utterance for utterance in utterances}
        # One call holds its cost itself.
        stored = await self._results.stored_audio(keys) if len(keys) > 1 else keys.keys()
        most = (self._measure_most(keys[key].text) for key in keys.keys() - stored)
        async with self._budgets.hold_for_all(add_amounts(most)):
            yield

    def find_share(self, audio_s: float) -> FindShare:
        """Return a function that finds what so much speech takes of the person's budget."""
        return self._budgets.find_share(self._measure(audio_s))

    async def synthesize(
        self, utterance: Utterance, put: Put, take: str = "", on_wait: OnWait | None = None
    ) -> None:
        """Put the PCM of one call, stored or from the engine, then None.

        on_wait: called if it has to wait for its turn.
        """
        key = self._key(utterance, take)
        put_bytes = 0

        def stream(whole: bytes | bytearray) -> None:
            nonlocal put_bytes
            if len(whole) > put_bytes:
                put(bytes(whole[put_bytes:]))
                put_bytes = len(whole)

        try:
            make = partial(self._call_engine, utterance, key, on_wait)
            stream(await self._results.share(key, make, stream))
        finally:
            put(None)

    async def _call_engine(
        self,
        utterance: Utterance,
        key: str,
        on_wait: OnWait | None,
        stream: Callable[[bytearray], None] | None,
    ) -> bytes:
        """Return the stored PCM, or else that of a call, whose PCM so far is streamed."""
        rate_hz = self.synthesizer.rate_hz
        if (kept := await self._results.find_audio(key)) is not None:
            note_progress()
            return await asyncio.to_thread(_unpack, kept, rate_hz)
        async with self._budgets.reserve() as reservation:
            await reservation.hold(self._measure_most(utterance.text))
            async with self.gate.call(0.0, key, on_wait):
                pcm = await self._read_speech(utterance, reservation, stream)
            packed = await asyncio.to_thread(audio.encode, pcm, rate_hz=rate_hz, format="flac")
            cost = self._count(pcm)
            save = partial(self._results.save_audio, key, packed, cost, utterance.sample)
            await reservation.pay(save, is_last=True)
        return pcm

    async def _read_speech(
        self,
        utterance: Utterance,
        reservation: Reservation,
        stream: Callable[[bytearray], None] | None,
    ) -> bytes:
        whole = bytearray()

        def measure_so_far() -> Amount:
            cost = self._count(whole)
            return measure(cost, cost.audio_s)

        with reservation.send(measure_so_far) as call:
            async with aclosing(self.synthesizer.synthesize(utterance)) as chunks:
                async for chunk in chunks:
                    whole += chunk
                    if stream:
                        stream(whole)
            if not whole:
                raise EngineBadReply("no audio")
            call.cost = measure_so_far()
        return bytes(whole)

    def _measure_most(self, text: str) -> Amount:
        return self._measure(_SLOWEST * estimate_s(text))

    def _measure(self, audio_s: float) -> Amount:
        engine = self.synthesizer
        return measure(Usage(engine.name, engine.model, audio_s=audio_s), audio_s)

    def _count(self, pcm: bytes | bytearray) -> Usage:
        """Return the usage of a call that has returned so much audio."""
        engine = self.synthesizer
        return Usage(engine.name, engine.model, audio_s=len(pcm) / 2 / engine.rate_hz)

    def _key(self, utterance: Utterance, take: str) -> str:
        sample = hashlib.sha256(utterance.sample.data).hexdigest() if utterance.sample else ""
        engine = f"{REQUESTER.get().scope}|{self.synthesizer.name}|{self.synthesizer.model}"
        plain = replace(utterance, sample=None)
        return hashlib.sha256(f"{engine}|{plain!r}|{sample}|{take}".encode()).hexdigest()


def _unpack(packed: bytes, rate_hz: int) -> bytes:
    pcm: bytes = audio.VoiceSegment.from_file(packed, rate_hz=rate_hz).raw_data
    return pcm
