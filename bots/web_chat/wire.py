"""What goes over the wire: pure functions between our values and the page's JSON."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from core.commands.say import read_call
from core.models import Attachment, ChatSettings, Job, Link, Reply, SpeechSettings
from core.routing import FOLLOWED

#: Ids that the page makes: they name a message in its chat.
MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:\s+(.*))?\Z", re.DOTALL)
#: Control characters, path separators, what Windows forbids, and signs that turn text around.
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
)
_NAME_CHARS = 120
_TITLE_CHARS = 80
#: What the page offers by itself, nearer to where it is wanted.
_PAGE_HAS = frozenset({"export", "ask_about"})
#: The only types a browser may show; all others are bytes to be saved.
_SHOWN_TYPES = re.compile(r"audio/[a-z0-9.+-]{1,40}\Z|text/plain\Z")


def read_command(typed: str) -> tuple[str, str]:
    """Split "/name rest" into name and rest; anything else is text without a command."""
    typed = typed.strip()
    found = _COMMAND.match(typed)
    if not found:
        return "", typed
    return found[1].lower(), (found[2] or "").strip()


def read_language(accept_language: str) -> str:
    """Return the first language of an Accept-Language header, empty if there is none."""
    first = accept_language.split(",")[0].split(";")[0].strip()
    return first if re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}", first) else ""


def safe_name(claimed: str, fallback: str = "file") -> str:
    """Return a file name that is safe on every system, without any path."""
    name = re.split(r"[/\\]", claimed)[-1].encode("utf-8", "replace").decode("utf-8")
    name = _UNSAFE.sub("_", name).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if dot and len(name) > _NAME_CHARS:
        name = stem[: max(1, _NAME_CHARS - len(ending) - 1)] + dot + ending
    return name[:_NAME_CHARS].strip(" .") or fallback


def safe_mime(claimed: str) -> str:
    """Return a type that no browser will run: plain text, sound, or bytes."""
    bare = claimed.split(";")[0].strip().lower()
    return bare if _SHOWN_TYPES.match(bare) else "application/octet-stream"


def build_disposition(name: str) -> str:
    """Value of Content-Disposition for a download (RFC 6266)."""
    name = safe_name(name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace(";", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def build_entry(job: Job) -> dict[str, Any]:
    """One message of the page's list: what was sent, where it is, what was answered."""
    message = job.message
    return {
        "id": message.message_id,
        "sent_at": message.sent_at.isoformat(),
        "text": message.text,
        "command": message.command,
        "reply_to": message.reply_to.message_id if message.reply_to else "",
        "can_ask": job.command in FOLLOWED,
        "file": _build_file(message.attachment) if message.attachment else None,
        "job_id": job.job_id,
        "state": job.state.value,
        "reply": build_reply(job.job_id, job.reply) if job.reply else None,
    }


def build_title(job: Job) -> str:
    """Return what a chat is called that began with this job, empty if that says nothing."""
    message = job.message
    heard = job.reply.quote if job.reply else ""
    words = read_call(message.text)[1] if message.command == "say" else message.text
    if message.attachment and not words:
        words = heard if message.attachment.kind == "voice" else message.attachment.name
    if not words and message.reply_to:
        words = message.reply_to.text
    return " ".join(words.split())[:_TITLE_CHARS]


def build_choices(chat: ChatSettings, person: SpeechSettings) -> dict[str, Any]:
    """What is chosen, as the commands name it."""
    return {
        "voice": person.voice,
        "style": person.style,
        "replies": chat.replies.value,
        "mode": chat.talk.notes.value,
        "think": "on" if chat.talk.is_thinking else "off",
        "language": chat.language or "auto",
    }


def _build_file(attachment: Attachment) -> dict[str, Any]:
    return {
        "kind": attachment.kind,
        "name": attachment.name,
        "size_bytes": attachment.size_bytes,
        "duration_s": attachment.duration_s,
    }


def _build_link(text: str, link: Link) -> dict[str, Any]:
    """A stretch of the text that leads to a message; pages count in UTF-16 units."""
    start, end = (_count_units(text[: max(0, at)]) for at in (link.start, link.end))
    return {"start": start, "end": end, "id": link.message_id}


def _count_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def build_reply(job_id: str, reply: Reply) -> dict[str, Any]:
    """A reply for the page: its files as addresses, its buttons as label and token."""
    return {
        "text": reply.text,
        "links": [_build_link(reply.text, link) for link in reply.links if not link.chat_id],
        "quote": reply.quote,
        "is_quote_first": reply.is_quote_first,
        "transcript": f"/api/transcripts/{quote(job_id, safe='')}" if reply.heard_key else "",
        "files": [
            {
                "name": safe_name(file.name),
                "title": file.title,
                "duration_s": file.duration_s,
                "mime": safe_mime(file.mime),
                "size_bytes": len(file.data),
                "url": f"/api/files/{quote(job_id, safe='')}/{index}",
            }
            for index, file in enumerate(reply.files)
        ],
        "buttons": [
            {"label": button.label, "token": button.token}
            for button in reply.buttons
            if button.command not in _PAGE_HAS
        ],
    }
