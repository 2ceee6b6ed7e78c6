"""A Hypothesis machine: messages, failures outside, time and crashes in any order.

What has to hold after all of it is in `tests.stateful.promises`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from core.models import Attachment, Chat, JobState, Message
from tests.stateful.life import Life
from tests.stateful.outside import EngineOutcome, Place, PlatformOutcome, Service
from tests.stateful.promises import check_promises
from tests.support.clean_start import URL_FILE
from tests.support.virtual_time import BEGAN_AT

#: When every virtual loop begins.
_BEGAN_S = 1000.0
_CHATS = ("100", "200", "300")
_KINDS = ("voice", "translate", "help")
_WAITS_S = (0.01, 0.3, 1.0, 10.0, 60.0, 600.0)
#: Await points: a crash at one of the first ones meets what has just come.
_FEW_STEPS, _STEPS = st.integers(0, 15), st.integers(0, 200)


class RoadMachine(RuleBasedStateMachine):
    """Everything between intake and delivery, on one database."""

    messages = Bundle("messages")
    held = Bundle("held")

    def __init__(self, make_database: Callable[[], str]) -> None:
        """make_database: returns the URL of a new one each time."""
        super().__init__()
        self._home = tempfile.TemporaryDirectory()
        (Path(self._home.name) / URL_FILE).write_text(make_database())
        self.place, self.service = Place(), Service()
        #: Crashes since the first call for each version of a message: each may cost another one.
        self.crashes_of = Counter[str]()
        self._count = 0
        self.life = self._begin(_BEGAN_S)

    def _begin(self, began_s: float) -> Life:
        return Life(Path(self._home.name), self.place, self.service, began_s)

    # --- People

    def _write(self, chat_id: str, kind: str, message_id: str = "", version: int = 0) -> Message:
        self._count += not message_id
        message_id = message_id or str(self._count)
        key = f"m{message_id}e{version}"
        text = f"German What about {key}?" if kind == "translate" else ""
        return Message(
            Chat("test", "1", self.place.find(chat_id)), message_id, BEGAN_AT,
            sender_id=f"person-{chat_id}", sender_name=key, edit_id=str(version) if version else "",
            command="" if kind == "voice" else kind, text=text,
            attachment=Attachment(key, duration_s=3.0) if kind == "voice" else None,
        )  # fmt: skip

    def _show(self, message: Message) -> None:
        self.place.updates.append(message)
        self.life.wake()

    @rule(target=messages, chat_id=st.sampled_from(_CHATS), kind=st.sampled_from(_KINDS))
    def arrives(self, chat_id: str, kind: str) -> Message:
        message = self._write(chat_id, kind)
        self._show(message)
        return message

    @rule(target=held, chat_id=st.sampled_from(_CHATS), kind=st.sampled_from(_KINDS))
    def is_written_and_arrives_later(self, chat_id: str, kind: str) -> Message:
        return self._write(chat_id, kind)

    @rule(target=messages, message=consumes(held))
    def arrives_out_of_order(self, message: Message) -> Message:
        self._show(message)
        return message

    @rule(message=messages)
    def is_repeated(self, message: Message) -> None:
        self._show(message)

    @rule(message=messages)
    def is_edited(self, message: Message) -> None:
        self._count += 1
        chat_id = message.chat.chat_id
        self._show(self._write(chat_id, "translate", message.message_id, self._count))

    @rule(chat_id=st.sampled_from(_CHATS))
    def cancels(self, chat_id: str) -> None:
        self._show(self._write(chat_id, "cancel"))

    # --- Engine, platform, operator

    @rule(outcomes=st.lists(st.sampled_from(get_args(EngineOutcome)), min_size=1, max_size=3))
    def engine_will(self, outcomes: list[EngineOutcome]) -> None:
        self.service.script += outcomes

    @rule(outcomes=st.lists(st.sampled_from(get_args(PlatformOutcome)), min_size=1, max_size=5))
    def platform_will(self, outcomes: list[PlatformOutcome]) -> None:
        self.place.script += outcomes

    @rule()
    def operator_retries(self) -> None:
        store = self.life.store
        for job in self.life.run(store.jobs.recent((JobState.DEAD,), limit=1)):
            self.place.retried.add(job.job_id)
            assert self.life.run(self.life.inbox.retry(job.job_id))

    @rule(is_on=st.booleans())
    def operator_pauses(self, is_on: bool) -> None:
        self.life.run(self.life.store.controls.pause("operator", is_on=is_on))

    # --- Time and crashes

    @rule(seconds=st.sampled_from(_WAITS_S))
    def time_passes(self, seconds: float) -> None:
        self.life.run(self.life.sleep(seconds))

    @rule(count=_STEPS)
    def goes_on(self, count: int) -> None:
        self.life.run(self.life.step(count))

    @rule(count=_FEW_STEPS)
    def crashes_soon(self, count: int) -> None:
        self.crashes_after(count)

    @rule(count=_STEPS)
    def crashes_after(self, count: int) -> None:
        self.life.run(self.life.step(count))
        self.crashes_of.update({*self.service.paid})
        self.life = self._begin(self.life.crash())

    @invariant()
    def everything_still_runs(self) -> None:
        self.life.check()
        assert not self.place.faults

    def teardown(self) -> None:
        """Let all of it end, and check what has become of each message."""
        try:
            self.service.script.clear()
            self.place.script.clear()
            self.life.run(self.life.store.controls.pause("operator", is_on=False))
            self.life.run(self.life.drain())
            self.life.check()
            self.life.run(check_promises(self))
        finally:
            self.life.crash()
            self._home.cleanup()
