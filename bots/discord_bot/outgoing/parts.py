"""A reply as the messages that Discord accepts: Markdown, files under it, buttons. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import MappingProxyType
from typing import Any

from bots.common.chat import clean, count_units, find_break, is_blank
from bots.discord_bot.outgoing.files import (
    FILE_TOO_BIG,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_FILES_BYTES,
    build_text_file,
    fit_file,
    is_voice,
)
from bots.discord_bot.outgoing.markdown import (
    FindUrl,
    Line,
    find_commands,
    read_markdown,
    read_marks,
    read_spans,
)
from core.locale import translate
from core.models import Button, File, Reply
from core.safety import disable_links

#: A reply that needs more messages is sent as a file, unless the operator chose otherwise.
MAX_MESSAGES = 4
#: Longest message, in UTF-16 units.
MAX_UNITS = 2000
#: How much is shown of a reply that is sent as a file.
BEGINNING_CHARS = 1000

#: Prefixes of component ids: a button of its chat, a button for one person, a select menu.
SHARED, PRIVATE, MENU = "h:", "p:", "s:"
#: Component types, and a button style.
_ROW, _BUTTON, _SELECT = 1, 2, 3
_SECONDARY = 2
#: More buttons than this become select menus.
MAX_BUTTONS = 10
_ROW_BUTTONS = 5
_MAX_OPTIONS, _MAX_ROWS = 25, 5
_LABEL_CHARS, _OPTION_CHARS = 80, 100


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One message: text in Discord's Markdown, files under it, or one voice message."""

    text: str = ""
    files: tuple[File, ...] = ()
    #: Its only file is sent as a voice message, which has no text.
    is_voice: bool = False


def build_parts(
    reply: Reply,
    find_url: FindUrl = lambda _: "",
    language: str = "",
    max_messages: int = MAX_MESSAGES,
    command_ids: Mapping[str, str] = MappingProxyType({}),
) -> list[MessagePart]:
    """Return the messages of a reply, in order; never an empty list.

    command_ids: of the slash commands that a text of ours names, by name.
    max_messages: a reply that needs more messages becomes a file.
    The same reply always gives the same parts: the ledger counts them. Voice messages come last,
    and the message before them carries the buttons, which they cannot.
    """
    lines, notice = read_lines(reply, find_url, command_ids), []
    files = [one for file in reply.files for one in fit_file(file)]
    if any(len(file.data) > MAX_FILE_BYTES for file in files):
        notice = [Line(translate(FILE_TOO_BIG, language, limit=MAX_FILE_BYTES >> 20))]
        files = [file for file in files if len(file.data) <= MAX_FILE_BYTES]
    messages = [*islice(pack([*lines, *notice]), max_messages + 1)]
    if len(messages) > max_messages:
        files = [*fit_file(build_text_file(reply)), *files]
        messages = [*pack([*take_beginning(lines), *notice])]
    voices = [file for file in files if is_voice(file)]
    others = [file for file in files if not is_voice(file)]
    parts = [*_group([MessagePart(text) for text in messages], others)]
    if not parts and any(button.token for button in reply.buttons):
        parts = [MessagePart()]
    parts += [MessagePart("", (file,), is_voice=True) for file in voices]
    return parts or [MessagePart("…")]


def _group(messages: list[MessagePart], files: list[File]) -> Iterator[MessagePart]:
    """Yield the messages with the files under the last one, and as few more as needed."""
    yield from messages[:-1]
    held = messages[-1] if messages else MessagePart()
    for file in files:
        size_bytes = sum(len(one.data) for one in (*held.files, file))
        if len(held.files) == MAX_FILES or size_bytes > MAX_FILES_BYTES:
            yield held
            held = MessagePart()
        held = replace(held, files=(*held.files, file))
    if held != MessagePart():
        yield held


def read_lines(
    reply: Reply, find_url: FindUrl, command_ids: Mapping[str, str] = MappingProxyType({})
) -> list[Line]:
    """Return the lines of a reply and of its quote, without blank ones at either end."""
    # Mentions are disabled so that quoting pings nobody.
    # Mentions are disabled so that quoting pings nobody.
    quote = disable_links(clean(reply.quote))
    plain = [Line(line, is_quote=True) for line in quote.splitlines()]
    quoted = read_marks(reply, quote) if reply.marks else plain
    text = read_markdown(clean(reply.text)) if reply.is_markdown else None
    if reply.text and not text:
        text = [find_commands(line, command_ids) for line in read_spans(reply, find_url)]
    blocks = [text or [], quoted]
    lines: list[Line] = []
    for block in reversed(blocks) if reply.is_quote_first else blocks:
        seen = [number for number, line in enumerate(block) if not is_blank(line.text)]
        lines += block[seen[0] : seen[-1] + 1] if seen else []
    return lines


def pack(lines: Iterable[Line]) -> Iterator[str]:
    """Yield messages of as many lines as fit; only a line that is too long is cut."""
    shown: list[str] = []
    # Units so far, and lines up to the last one that is not blank.
    units = count = 0
    for line in chain.from_iterable(map(_cut, lines)):
        rendered = line.render()
        more = count_units(rendered) + 1
        if shown and units + more > MAX_UNITS + 1:
            yield "\n".join(shown[:count])
            shown, units = [], 0
        is_visible = not is_blank(line.text)
        if shown or is_visible:
            shown.append(rendered)
            units += more
        if is_visible:
            count = len(shown)
    if shown:
        yield "\n".join(shown[:count])


def take_beginning(lines: list[Line]) -> list[Line]:
    """Return the first lines, cut to BEGINNING_CHARS and an ellipsis."""
    kept, left = [], BEGINNING_CHARS
    for line in lines:
        if len(line.text) >= left:
            kept.append(line.cut(0, find_break(line.text[: max(1, left)])))
            break
        kept.append(line)
        left -= len(line.text) + 1
    last = kept[-1]
    return [*kept[:-1], replace(last, text=f"{last.text.rstrip()} …")]


def shorten(text: str, *, is_ours: bool) -> str:
    """Return the end of a text as one message, in Discord's Markdown.

    is_ours: written by the program, not by a person or a model.
    """
    whole = clean(text) if is_ours else disable_links(clean(text))
    size = min(len(whole), MAX_UNITS)
    while size:
        shown = ("…" if size < len(whole) else "") + whole[len(whole) - size :]
        rendered = "\n".join(Line(line).render() for line in shown.splitlines())
        if count_units(rendered) <= MAX_UNITS:
            return rendered
        size -= max(1, (count_units(rendered) - MAX_UNITS) // 2)
    return ""


def _cut(line: Line) -> Iterator[Line]:
    """Yield a line in pieces that fit a message, cut between words where possible."""
    while len(line.text) > MAX_UNITS or count_units(line.render()) > MAX_UNITS:
        size = min(len(line.text), MAX_UNITS)
        while (over := count_units(line.cut(0, size).render()) - MAX_UNITS) > 0:
            size = max(1, size - max(1, over // 2))
        size = find_break(line.text[:size])
        yield line.cut(0, size)
        line = line.cut(size, len(line.text))
    yield line


def build_components(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """Return the component rows of a message, empty if there are no buttons.

    A button's id holds the token under which the store keeps what it does, so that buttons
    outlive a restart and a forged id does nothing.
    """
    if len(buttons) > MAX_BUTTONS:
        return _build_selects(buttons)
    items = [
        {"type": _BUTTON, "style": _SECONDARY, **_build_choice(one, _LABEL_CHARS, "custom_id")}
        for one in buttons
    ]
    rows = [items[start : start + _ROW_BUTTONS] for start in range(0, len(items), _ROW_BUTTONS)]
    return [{"type": _ROW, "components": row} for row in rows]


def _build_selects(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    options = [_build_choice(one, _OPTION_CHARS, "value") for one in buttons]
    rows = [options[start : start + _MAX_OPTIONS] for start in range(0, len(options), _MAX_OPTIONS)]
    menus = [
        {
            "type": _SELECT,
            "custom_id": f"{MENU}{number}",
            "options": row,
            "placeholder": "…",
        }
        for number, row in enumerate(rows[:_MAX_ROWS])
    ]
    return [{"type": _ROW, "components": [menu]} for menu in menus]


def _build_choice(button: Button, max_chars: int, id_field: str) -> dict[str, str]:
    prefix = PRIVATE if button.is_private else SHARED
    label = button.label.strip() or "…"
    label = label if len(label) <= max_chars else f"{label[: max_chars - 1]}…"
    return {"label": label, id_field: f"{prefix}{button.token}"}
