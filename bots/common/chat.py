"""What all chat bots share: background tasks and shutdown, who may use them, length of texts."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

import structlog

from core.admission import Admission, Verdict, pick_people
from core.clock import Clock
from core.commands import load_command
from core.config import Settings
from core.errors import AssistantError
from core.inbox import Inbox
from core.interfaces import Endpoint, VoiceChannels
from core.models import Job, Message

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

#: How long a call under way may still take when its job is cancelled or the program stops.
STOP_S = 2.0

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
    #: Set by bots that the platform calls over HTTP: the paths and the applications there.
    endpoints: Mapping[str, Endpoint] = MappingProxyType({})
    needs_introduction: ClassVar[bool] = False
    #: True where the platform has been rejecting the bot for a while.
    is_locked: bool = False
    max_upload_bytes: int = 10 << 20  # of the largest file that it is sent
    #: Commands that its menu and /help leave out.
    hidden_commands: Set[str] = frozenset()

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self.max_file_bytes = settings.max_file_bytes
        #: Ids of the people on this platform who operate the bot.
        self.operators: Set[str] = pick_people(self.name, settings.admin_ids)
        self._admission = Admission.read(settings, inbox.decisions)
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

    async def log_in(self) -> None:  # noqa: B027  # most platforms need it, some do not
        """Do what replies need before the first one: nothing, unless a bot has to log in."""

    async def connect(self) -> None:
        """Do what replies need, without receiving anything, until cancelled.

        Raises PlatformLocked, ConfigError: what the operator must fix.
        """
        await self.log_in()
        await asyncio.Event().wait()

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
        if self._admission.judge(message) is Verdict.HELD:
            return await self._inbox.accept(replace(message, is_held=True))
        job = await self._inbox.accept(message)
        has_recording = message.attachment or (message.reply_to and message.reply_to.attachment)
        # Apps show by themselves that a button was pressed or a slash command was sent.
        is_interaction = message.button or message.reply_token
        if job and has_recording and not is_interaction and not load_command(job.command).is_silent:
            self.start_task(self.acknowledge(message))
        return job

    def is_allowed(self, message: Message) -> bool:
        """Return whether the chat, its server or the sender may use the bot, or may ask to."""
        if self._admission.judge(message) is not Verdict.CLOSED:
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


def read_length(value: object) -> float | None:
    """Return the seconds that somebody claims a recording to have, None if it cannot be so long."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < 1e9 else None


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
