"""What all chat bots share: background tasks and shutdown, live progress, length of texts."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import structlog

from core.assistant import Inbox
from core.clock import Clock
from core.commands import load_command
from core.config import Settings
from core.errors import AssistantError
from core.interfaces import DeliveryTarget, VoiceChannels
from core.locale import mark, translate
from core.models import CANCEL_TOKEN, Button, Job, Message

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

MOMENT = mark("One moment …")

#: Total deadline of one update: the reply waits for the one that is under way.
UPDATE_S = 10.0
#: How long a call under way may still take when its job is cancelled or the program stops.
STOP_S = 2.0
#: Above this, the messages of jobs that ended without a reply are dropped.
MAX_LIVE_MESSAGES = 500

# Control characters, bidirectional overrides, lone surrogates. U+2060 stays: `core.safety` puts
# it into addresses and names so that a model's text does not become a link.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a text may be split, the best first; the split is after the match.
_BREAKS = tuple(re.compile(one) for one in (r"\n{2,}", r"\n", r"[.!?。！？…]\s*", r"\s"))


async def finish_call(call: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of a call that sends something, and records that it was sent.

    If this is cancelled, the call may end first: what was sent and not recorded would be sent
    again, and could not be removed. The recording, in a call of its own, has its own time.
    """
    calling = asyncio.create_task(call)
    try:
        return await asyncio.shield(calling)
    except asyncio.CancelledError:
        await asyncio.wait([calling], timeout=STOP_S)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        raise


class Closable(Protocol):
    """A part of a bot that holds connections or tasks."""

    async def close(self) -> None:
        """Release them."""


class ChatBot(ABC):
    """What is the same in every bot; a subclass adds the rest of `core.interfaces.Platform`."""

    name: ClassVar[str]
    #: Errors of the SDK: a background task may end with one, as with an AssistantError.
    sdk_errors: ClassVar[tuple[type[BaseException], ...]]
    #: Returns what may be logged of an error: the SDK's text can hold the bot's token.
    describe: ClassVar[staticmethod[[BaseException], str]]
    #: None where bots cannot join voice channels.
    voice: VoiceChannels | None = None
    #: Texts of the core that read differently on this platform, and what they read.
    wording: Mapping[str, str] = MappingProxyType({})
    #: True where the platform has been rejecting the bot for a while.
    is_locked: bool = False
    #: Commands that its menu and /help leave out.
    hidden_commands: Set[str] = frozenset()

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self.max_file_bytes = settings.max_file_bytes
        self._allowed_ids = frozenset(settings.allowed_chats)
        self._background: set[asyncio.Task[None]] = set()
        #: Closed in this order, after the background tasks.
        self._parts: tuple[Closable, ...] = ()

    async def close(self) -> None:
        """Cancel the background tasks and close the connections."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in self._parts:
            await part.close()

    def is_ephemeral(self, message: Message) -> bool:
        """Return whether the sender alone sees the reply, though the chat is none of their own."""
        return False

    @abstractmethod
    async def acknowledge(self, message: Message) -> None:
        """Show the sender that a recording was received."""

    async def explain_blindness(self, message: Message) -> str:
        """Return "": a bot that is in a chat sees all its messages."""
        return ""

    async def accept(self, message: Message) -> Job | None:
        """Commit a message; acknowledge a recording that gets a reply.

        Raises what `Inbox.accept` raises.
        """
        job = await self._inbox.accept(message)
        has_recording = message.attachment or (message.reply_to and message.reply_to.attachment)
        # Apps show by themselves that a button was pressed or a slash command was sent.
        is_interaction = message.button or message.reply_token
        if job and has_recording and not is_interaction and not load_command(job.command).is_silent:
            self.start_task(self.acknowledge(message))
        return job

    def is_allowed(self, message: Message, guild_id: str = "") -> bool:
        """Return whether ALLOWED_CHATS is empty or names the chat, its server or the sender."""
        ids = {message.chat.chat_id, message.sender_id, guild_id}
        if not self._allowed_ids or self._allowed_ids & ids:
            return True
        log.debug(f"{self.name}_chat_not_allowed", message_id=message.message_id)
        return False

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in the background until `close`; a failure is only logged."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finish_task)
        return task

    def _finish_task(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if task.cancelled() or not (error := task.exception()):
            return
        if isinstance(error, (*self.sdk_errors, AssistantError)):
            log.warning(f"{self.name}_task_failed", detail=type(self).describe(error))
        else:
            log.error(f"{self.name}_task_crashed", exc_info=error)


@dataclass
class LiveMessage:
    """The progress of one job."""

    target: DeliveryTarget
    #: The latest text, and the one that was shown last; None = there was no call yet.
    text: str = ""
    shown: str | None = None
    #: The latest text was written by the program, not by a person or a model.
    is_ours: bool = False
    #: One of the texts was: it must stay visible until the reply.
    is_lasting: bool = False
    #: A call is under way: it must end before the reply is sent.
    is_calling: bool = False
    #: No more updates.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


StartTask = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
AnyLiveMessage = TypeVar("AnyLiveMessage", bound=LiveMessage)


class LiveMessages(ABC, Generic[AnyLiveMessage]):
    """The live messages of one platform; `kind` is their class, `start_task` the bot's."""

    def __init__(self, start_task: StartTask, kind: type[AnyLiveMessage]) -> None:
        self._start_task = start_task
        self._kind = kind
        self._live: dict[str, AnyLiveMessage] = {}

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show `text` next. Returns at once and never raises.

        is_lasting: it was written by the program, not by a person or a model.
        """
        if len(self._live) > MAX_LIVE_MESSAGES:
            dropped = self._live.pop(next(iter(self._live)))
            if dropped.task:
                dropped.task.cancel()
        live = self._live.setdefault(target.job_id, self._kind(target))
        if live.is_ours != is_lasting:
            live.shown = live.shown and ""  # the same text looks different
        live.text, live.is_ours = text, is_lasting
        live.is_lasting |= is_lasting
        if not live.task or live.task.done():
            # A failure of the ledger is only logged: the reply will fail on it too.
            live.task = self._start_task(self._update(live))

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        """Show a word with the button that cancels, unless a text is shown, which has it."""
        if target.job_id not in self._live:
            await self.show(target, translate(MOMENT, target.message.language), is_lasting=True)

    async def end(self, target: DeliveryTarget) -> None:
        """Stop updates; return once no call is under way."""
        live = self._live.pop(target.job_id, None)
        if live and live.task:
            live.is_over = True
            if not live.is_calling:
                live.task.cancel()
            await asyncio.wait([live.task])
            if live.shown is not None:
                await target.ledger.refresh()

    @abstractmethod
    async def _update(self, live: AnyLiveMessage) -> None:
        """Show the text, and again if it changes meanwhile."""


def build_cancel_button(target: DeliveryTarget) -> Button:
    """Return the button under the live message of a job."""
    label = translate("Cancel", target.message.language)
    return Button(label, "cancel", token=f"{CANCEL_TOKEN}{target.job_id}")


def pick_mentioned(message: Message, bot_id: str) -> str:
    """Return the command of a message that mentions the bot; core picks that of replies to it."""
    quoted = message.reply_to
    if quoted and quoted.sender_id == bot_id:
        return ""
    if message.text:
        return "ask"
    return "transcribe" if message.attachment or (quoted and quoted.attachment) else "start"


def clean(text: str) -> str:
    """Return `text` without characters that break the display or that platforms refuse."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean_line(text: str) -> str:
    """Return a name as one line of at most 255 characters."""
    return " ".join(clean(text).split())[:255]


def is_blank(text: str) -> bool:
    """Return whether nothing in `text` is visible: platforms refuse such a message."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


def count_units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def find_break(window: str) -> int:
    """Return where to end the first piece of a text that starts with `window`."""
    # Splitting in the first half would make needlessly many messages.
    for pattern in _BREAKS:
        cut = max((match.end() for match in pattern.finditer(window)), default=0)
        if cut > len(window) // 2:
            return cut
    # A zero-width joiner belongs to the character before it.
    cut = len(window)
    while cut > len(window) - 20 and cut > 1 and window[cut - 1] == "\u200d":
        cut -= 1
    return cut


def split(text: str, max_units: int) -> list[str]:
    """Cut `text` into pieces of at most `max_units`, between words where possible.

    Joined again, the pieces are the text. Characters outside the basic plane stay whole.
    """
    pieces = []
    # Units are counted only once few characters are left: else the time would be quadratic.
    while len(text) > max_units or count_units(text) > max_units:
        cut = find_break(head(text, max_units))
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text] if text else pieces


def head(text: str, max_units: int) -> str:
    """Return the start of `text` that fits `max_units`, at least one character."""
    window = text[:max_units]
    while len(window) > 1 and (over := count_units(window) - max_units) > 0:
        window = window[: len(window) - max(1, over // 2)]
    return window


def tail(text: str, max_units: int) -> str:
    """Return the end of `text` that fits `max_units`, after "…" if something is left out."""
    if count_units(text) <= max_units:
        return text
    return "…" + head(text[::-1], max_units - 1)[::-1]
