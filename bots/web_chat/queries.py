"""The read-only part of the page's API: chats, history, recordings, transcripts, choices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from bots.web_chat.session import BrowserSessions, name_of, person_of
from bots.web_chat.wire import (
    build_choices,
    build_disposition,
    build_entry,
    build_hit,
    build_title,
    read_language,
    safe_mime,
)
from core.audio import read_chunks
from core.clock import CLOCK, Clock
from core.inbox import Inbox
from core.interfaces import Recording
from core.locale import mark
from core.models import Chat, Job, Message, Transcript
from core.text.moments import find_cues
from core.transcription.subtitles import FORMATS, name_transcript

NO_SESSION = mark("This page has no session. Please reload it.")
NO_FILE = mark("This file is no longer available.")
#: Jobs that the history of a chat returns at once, and chats that the list of chats does.
HISTORY_LIMIT = CHATS_LIMIT = 50
#: Results of a search, and its longest query.
FOUND_LIMIT, _QUERY_CHARS = 30, 100
#: The command and field whose suggestions fill each list of the page.
_OFFERS = {"voices": ("say", "voice"), "styles": ("say", "style"), "languages": ("language",) * 2}


@dataclass(frozen=True)
class Queries:
    """The routes that change nothing."""

    inbox: Inbox
    sessions: BrowserSessions
    clock: Clock = CLOCK

    def build_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        routes: dict[str, Callable[..., Any]] = {
            "/chats": self.list_chats,
            "/history": self.list_history,
            "/search": self.search,
            "/choices": self.get_choices,
            "/sounds/{message_id}": self.get_recording,
            "/transcripts/{job_id}": self.get_transcript,
            "/transcripts/{job_id}/{form}": self.get_text_file,
            "/files/{job_id}/{index}": self.get_file,
        }
        for path, answer in routes.items():
            router.add_api_route(path, answer, methods=["GET"])
        return router

    async def list_chats(self, request: Request, before: datetime | None = None) -> dict[str, Any]:
        """Return some of the browser's chats, most recent first, and then the one that is open.

        before: only those that were last used before this moment; `next` is that of the next
        request, empty if there are no more.
        """
        chat = await self._chat(request)
        found = await self.inbox.conversations(person_of(chat), CHATS_LIMIT, before)
        after = found[-1].last_at.isoformat() if len(found) == CHATS_LIMIT else ""
        if after and chat not in [one.chat for one in found]:
            found += await self.inbox.conversation(chat)
        return {
            "chats": [
                {
                    "name": name_of(one.chat),
                    "title": build_title(one.first),
                    "last_at": one.last_at.isoformat(),
                }
                for one in found
            ],
            "next": after,
        }

    async def list_history(self, request: Request) -> dict[str, Any]:
        """Return the chat's messages and replies, newest last; `before` is a job's id."""
        before = request.query_params.get("before", "")[:16]
        recent = await self.inbox.recent(await self._chat(request), HISTORY_LIMIT, before)
        entries = [build_entry(job) for job in recent]
        return {"entries": entries, "has_more": len(entries) == HISTORY_LIMIT}

    async def search(self, request: Request) -> dict[str, Any]:
        """Return where the words `q` stand in any of the browser's chats, newest first."""
        words = request.query_params.get("q", "")[:_QUERY_CHARS]
        found = await self.inbox.search(person_of(await self._chat(request)), words, FOUND_LIMIT)
        return {"found": [build_hit(job, words) for job in found]}

    async def get_choices(self, request: Request) -> dict[str, Any]:
        """Return the chat's settings and the options of each list."""
        chat, language = await self._chat(request), language_of(request)
        person_id = person_of(chat).chat_id
        offers: dict[str, list[dict[str, str]]] = {}
        for name, (command, field) in _OFFERS.items():
            typing = Message(
                chat, "", self.clock.now(), person_id, language=language, command=command
            )
            found = await self.inbox.suggest(typing, field)
            offers[name] = [{"value": s.value, "label": s.label or s.value} for s in found]
        return build_choices(*await self.inbox.choices(chat, person_id)) | offers

    async def get_recording(self, request: Request, message_id: str) -> Response:
        """Return the recording that came with a message."""
        chat = await self._chat(request)
        job = await find_job(self.inbox, chat, message_id)
        attachment = job.message.attachment if job else None
        recording = await self.inbox.find_recording(chat, message_id) if attachment else None
        if attachment is None or recording is None:
            raise HTTPException(404, NO_FILE)
        return _download(recording, attachment.mime, attachment.name)

    async def get_transcript(self, request: Request, job_id: str) -> dict[str, Any]:
        """Return a transcript with the start of each line."""
        _, found = await self._find_transcript(await self._chat(request), job_id)
        cues = await asyncio.to_thread(find_cues, found)
        return {"segments": [{"start_s": cue.start_s, "text": cue.text} for cue in cues]}

    async def get_text_file(self, request: Request, job_id: str, form: str) -> Response:
        """Return a transcript as text or subtitles."""
        job, found = await self._find_transcript(await self._chat(request), job_id)
        if form not in FORMATS:
            raise HTTPException(404, NO_FILE)
        text = await asyncio.to_thread(FORMATS[form][0], found)
        return _download(text.encode(), "text/plain", f"{name_transcript(job.message)}.{form}")

    async def get_file(self, request: Request, job_id: str, index: int) -> Response:
        """Return one file of a reply as a download."""
        job = await self._find_job(await self._chat(request), job_id)
        files = job.reply.files if job.reply else ()
        if not 0 <= index < len(files):
            raise HTTPException(404, NO_FILE)
        file = await self.inbox.load_file(files[index])
        if file is None:
            raise HTTPException(404, NO_FILE)
        return _download(file.data, file.mime, file.name)

    async def _chat(self, request: Request) -> Chat:
        return await require_chat(self.sessions, request)

    async def _find_transcript(self, chat: Chat, job_id: str) -> tuple[Job, Transcript]:
        job = await self._find_job(chat, job_id)
        found = await self.inbox.transcript(job)
        if found is None:
            raise HTTPException(404, NO_FILE)
        return job, found

    async def _find_job(self, chat: Chat, job_id: str) -> Job:
        job = await self.inbox.job(chat, job_id)
        if job is None:
            raise HTTPException(404, NO_FILE)
        return job


async def find_job(inbox: Inbox, chat: Chat, message_id: str) -> Job | None:
    """Return the job of a message of this chat, None if it is unknown."""
    return await inbox.job_of(chat, message_id)


async def require_chat(sessions: BrowserSessions, request: Request) -> Chat:
    """Return the chat of a request. Raises HTTPException 401 without a session."""
    chat = await sessions.read_chat(request)
    if chat is None:
        raise HTTPException(401, NO_SESSION)
    return chat


def language_of(request: Request) -> str:
    """Return the language of the page."""
    return read_language(request.headers.get("accept-language", ""))


def _download(content: Recording, mime: str, name: str) -> Response:
    disposition = build_disposition(name)
    headers = {"Content-Disposition": disposition, "Content-Length": str(len(content))}
    return StreamingResponse(read_chunks(content), media_type=safe_mime(mime), headers=headers)
