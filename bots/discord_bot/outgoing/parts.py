"""Turns a reply into the messages that Discord takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from bots.common.text import clean, count_units, find_break, is_blank
from bots.discord_bot.outgoing.markdown import escape, link
from core.locale import mark, translate
from core.models import File, Link, Reply
from core.safety import disable_links, restore_links

MAX_UNITS = 2000
#: What everybody may send; boosted servers allow more.
MAX_FILE_BYTES = 10 << 20
#: Of one message, whose request may have 25 MiB.
MAX_FILES, MAX_FILES_BYTES = 10, 24 << 20
#: A reply that needs more messages than this becomes a file, unless the operator wants it else.
MAX_MESSAGES = 4
#: How much of a reply that became a file is shown.
BEGINNING_CHARS = 1000
#: What a voice message may be; anything else is a file.
MAX_VOICE_S, MAX_WAVEFORM_BYTES = 1200.0, 256

FILE_TOO_BIG = mark("A file is too big for Discord: the limit is {limit} MB.")

_LINE_ENDS = re.compile("[\u2028\u2029]")
_SPOILER = re.compile(r"\A(?:SPOILER_)+", re.IGNORECASE)

#: Finds the address of a message, empty where it has none.
FindUrl = Callable[[Link], str]


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One message: text in Discord's Markdown, files under it, or one voice message."""

    text: str = ""
    files: tuple[File, ...] = ()
    #: Its only file is shown as a voice message, which has no text.
    is_voice: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a reply, still as it was written, and its links: start, end, address."""

    text: str
    is_quote: bool = False
    links: tuple[tuple[int, int, str], ...] = ()

    def render(self) -> str:
        """Return the line as Discord takes it."""
        shown, at = "> " if self.is_quote else "", 0
        for start, end, url in self.links:
            shown += escape(self.text[at:start], is_start=not at) + link(self.text[start:end], url)
            at = end
        return shown + escape(self.text[at:], is_start=not at)

    def cut(self, start: int, end: int) -> _Line:
        """Return a stretch of the line with its share of the links."""
        inside = ((max(a, start) - start, min(b, end) - start, url) for a, b, url in self.links)
        kept = tuple(one for one in inside if one[0] < one[1])
        return replace(self, text=self.text[start:end], links=kept)


def build_parts(
    reply: Reply,
    find_url: FindUrl = lambda _: "",
    language: str = "",
    most: int = MAX_MESSAGES,
) -> list[MessagePart]:
    """Return what to send for `reply`, in order; never an empty list.

    most: a reply that needs more messages than this becomes a file.
    The same reply always gives the same parts: the ledger counts them. Voice messages come last,
    and what stands before them carries the buttons, which they cannot.
    """
    lines, notice = _read_lines(reply, find_url), []
    files = [*_fit_files(reply.files)]
    if any(len(file.data) > MAX_FILE_BYTES for file in files):
        notice = [_Line(translate(FILE_TOO_BIG, language, limit=MAX_FILE_BYTES >> 20))]
        files = [file for file in files if len(file.data) <= MAX_FILE_BYTES]
    messages = [*islice(_pack([*lines, *notice]), most + 1)]
    if len(messages) > most:
        files = [*_fit_files([_build_text_file(reply)]), *files]
        messages = [*_pack([*_begin(lines), *notice])]
    parts = [
        *_group([MessagePart(text) for text in messages], [f for f in files if not is_voice(f)])
    ]
    if not parts and any(button.token for button in reply.buttons):
        parts = [MessagePart()]
    parts += [MessagePart("", (file,), is_voice=True) for file in files if is_voice(file)]
    return parts or [MessagePart("…")]


def is_voice(file: File) -> bool:
    """Tell whether Discord takes a file as a voice message: Opus with its length and loudness."""
    has_length = file.duration_s is not None and 0 < file.duration_s <= MAX_VOICE_S
    is_drawn = 0 < len(file.waveform) <= MAX_WAVEFORM_BYTES
    return file.mime == "audio/ogg" and has_length and is_drawn


def shorten(text: str, *, is_ours: bool) -> str:
    """Return the end of a text as one message, in Discord's Markdown.

    is_ours: else somebody's words, or a model's.
    """
    whole = _flatten(text) if is_ours else disable_links(_flatten(text))
    size = min(len(whole), MAX_UNITS)
    while size:
        shown = ("…" if size < len(whole) else "") + whole[len(whole) - size :]
        rendered = "\n".join(_Line(line).render() for line in shown.split("\n"))
        if count_units(rendered) <= MAX_UNITS:
            return rendered
        size -= max(1, (count_units(rendered) - MAX_UNITS) // 2)
    return ""


def name_file(name: str) -> str:
    """Return a name that Discord shows as it is: no path, no spoiler."""
    flat = " ".join(clean(name).split("/")[-1].split("\\")[-1].split())
    stem, dot, ending = _SPOILER.sub("", flat).rpartition(".")
    return f"{stem[:80]}{dot}{ending[:16]}".strip() or "file"


def _flatten(text: str) -> str:
    return _LINE_ENDS.sub("\n", clean(text))


def _read_lines(reply: Reply, find_url: FindUrl) -> list[_Line]:
    text = [*_read_text(reply, find_url)]
    # What somebody said calls nobody a second time, with our name above it.
    quote = [
        _Line(line, is_quote=True) for line in disable_links(_flatten(reply.quote)).split("\n")
    ]
    text, quote = _strip(text), _strip(quote)
    return [*quote, *text] if reply.is_quote_first else [*text, *quote]


def _read_text(reply: Reply, find_url: FindUrl) -> Iterator[_Line]:
    """Yield the lines of the text with their links; those that meet others are left out."""
    found = ((one.start, one.end, find_url(one)) for one in reply.links)
    # Cleaning may take characters away before a link.
    spans = [(_move(reply.text, a), _move(reply.text, b), url) for a, b, url in found if url]
    at, taken = 0, 0
    for line in _flatten(reply.text).split("\n"):
        links = []
        for start, end, url in sorted(spans):
            start, end = max(start, taken, at), min(end, at + len(line))
            if start < end and not is_blank(line[start - at : end - at]):
                links.append((start - at, end - at, url))
                taken = end
        yield _Line(line, links=tuple(links))
        at += len(line) + 1


def _move(text: str, at: int) -> int:
    return len(_flatten(text[: max(0, at)]))


def _strip(lines: list[_Line]) -> list[_Line]:
    """Return the lines without blank ones at either end."""
    seen = [number for number, line in enumerate(lines) if not is_blank(line.text)]
    return lines[seen[0] : seen[-1] + 1] if seen else []


def _pack(lines: Iterable[_Line]) -> Iterator[str]:
    """Yield messages of as many lines as they hold; only a line that is too long is cut."""
    held: list[tuple[_Line, str]] = []
    units = 0
    for line in chain.from_iterable(map(_cut, lines)):
        shown = line.render()
        more = count_units(shown) + 1
        if held and units + more > MAX_UNITS + 1:
            yield from _join(held)
            held, units = [], 0
        if held or not is_blank(line.text):
            held.append((line, shown))
            units += more
    yield from _join(held)


def _join(held: list[tuple[_Line, str]]) -> Iterator[str]:
    while held and is_blank(held[-1][0].text):
        held.pop()
    if held:
        yield "\n".join(shown for _, shown in held)


def _cut(line: _Line) -> Iterator[_Line]:
    """Yield a line in pieces that each fit a message, cut between words where that can be."""
    while len(line.text) > MAX_UNITS or count_units(line.render()) > MAX_UNITS:
        size = min(len(line.text), MAX_UNITS)
        while (over := count_units(line.cut(0, size).render()) - MAX_UNITS) > 0:
            size = max(1, size - max(1, over // 2))
        size = find_break(line.text[:size])
        yield line.cut(0, size)
        line = line.cut(size, len(line.text))
    yield line


def _begin(lines: list[_Line]) -> list[_Line]:
    """Return the beginning of a reply, with a sign that more follows."""
    kept, left = [], BEGINNING_CHARS
    for line in lines:
        if len(line.text) >= left:
            kept.append(line.cut(0, find_break(line.text[: max(1, left)])))
            break
        kept.append(line)
        left -= len(line.text) + 1
    last = kept[-1]
    return [*kept[:-1], replace(last, text=f"{last.text.rstrip()} …")]


def _build_text_file(reply: Reply) -> File:
    blocks = [restore_links(clean(text)).strip("\n") for text in (reply.text, reply.quote)]
    if reply.is_quote_first:
        blocks.reverse()
    name = "transcript.txt" if reply.quote else "reply.txt"
    return File(name, "text/plain", "\n\n".join(filter(None, blocks)).encode())


def _fit_files(files: Iterable[File]) -> Iterator[File]:
    """Yield the files, texts that are too large in several."""
    for file in files:
        named = replace(file, name=name_file(file.name))
        if len(file.data) <= MAX_FILE_BYTES or not file.mime.startswith("text/"):
            yield named
            continue
        stem, dot, ending = named.name.rpartition(".")
        for number, data in enumerate(_cut_bytes(file.data), 1):
            yield replace(named, name=f"{stem}-{number}{dot}{ending}", data=data)


def _cut_bytes(data: bytes) -> Iterator[bytes]:
    while data:
        cut = data.rfind(b"\n", 0, MAX_FILE_BYTES) + 1
        if len(data) <= MAX_FILE_BYTES or not cut:
            cut = MAX_FILE_BYTES
        # A character of several bytes stays whole.
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut -= 1
        yield data[:cut]
        data = data[cut:]


def _group(messages: list[MessagePart], files: list[File]) -> Iterator[MessagePart]:
    """Yield the messages with the files under the last one, and as few more as they need."""
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
