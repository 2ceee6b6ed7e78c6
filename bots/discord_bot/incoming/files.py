"""Downloads what people sent. Discord's links last a day: then the message is asked for again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import FILE_GONE, TOO_BIG, read_error
from core.errors import BadAudio, ChatGone, MessageGone, PlatformBusy, TooLong, UserError
from core.models import Attachment, Message

log = structlog.get_logger(__name__)

#: Nothing larger is taken further on; Discord itself holds up to 500 MB.
MAX_BYTES = 50 << 20
#: Total deadline of one download, and how long it may stand still.
DOWNLOAD_S, _SILENCE_S = 300.0, 30.0
#: Links are kept for what comes soon after its message.
_MAX_LINKS = 2000
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FileId:
    """What it takes to have a file: its message, a link, or both; at least one."""

    channel_id: str = ""
    message_id: str = ""
    attachment_id: str = ""
    #: Only where the message cannot be asked for, or was never sent: it ends after a day.
    url: str = ""

    @property
    def place(self) -> str:
        """The part that stays the same for ever, empty if there is only a link."""
        parts = (self.channel_id, self.message_id, self.attachment_id)
        return "/".join(parts) if all(parts) else ""

    def __str__(self) -> str:
        return f"{self.place} {self.url}".strip()


def parse_file_id(text: str) -> FileId:
    """Return what `str` made of a FileId."""
    place, _, url = text.partition(" ")
    if "://" in place:
        return FileId(url=place)
    parts = place.split("/")
    return FileId(parts[0], parts[1], parts[2], url) if len(parts) == 3 else FileId(url=url)


class DownloadCut(Exception):
    """The download ended early or its link is no longer valid: worth a new link."""

    def __init__(self, reason: str, *, is_link_gone: bool = False) -> None:
        super().__init__(reason)
        self.is_link_gone = is_link_gone


class DiscordFiles:
    """Downloads of one bot."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        self._links: OrderedDict[str, str] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    def note_links(self, raw: Mapping[str, Any]) -> None:
        """Keep the links of a message and of the one it answers, as Discord wrote them."""
        for one in (raw, raw.get("referenced_message") or {}):
            for file in _list_files(one):
                place = f"{one.get('channel_id')}/{one.get('id')}/{file.get('id')}"
                self._links[place] = str(file.get("url") or "")
        while len(self._links) > _MAX_LINKS:
            self._links.popitem(last=False)

    async def fetch(self, message: Message) -> bytes:
        """Return the sound of a message, or of the one it answers.

        Raises TooLong before the download where the size is known, BadAudio if there is none,
        UserError if Discord has it no longer, PlatformError.
        """
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        if not attachment:
            raise BadAudio
        if (attachment.size_bytes or 0) > MAX_BYTES:
            raise _too_big()
        file_id = parse_file_id(attachment.file_id)
        url = file_id.url or self._links.get(file_id.place) or await self._renew(file_id)
        try:
            return await self._download(url, attachment)
        except DownloadCut as first:
            log.info("discord_download_again", reason=str(first))
            return await self._fetch_again(file_id, attachment)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _fetch_again(self, file_id: FileId, attachment: Attachment) -> bytes:
        url = await self._renew(file_id)
        try:
            return await self._download(url, attachment)
        except DownloadCut as second:
            if second.is_link_gone:
                raise UserError(FILE_GONE) from None
            raise PlatformBusy(str(second)) from None

    async def _renew(self, file_id: FileId) -> str:
        """Return a fresh link. Raises UserError if there is none, PlatformError."""
        if not file_id.place:
            raise UserError(FILE_GONE)
        await self._client.wait_open()
        try:
            raw = await self._client.http.get_message(
                int(file_id.channel_id), int(file_id.message_id)
            )
        except TROUBLE as error:
            ours = read_error(error)
            if isinstance(ours, ChatGone | MessageGone):
                raise UserError(FILE_GONE) from None
            raise ours from None
        self.note_links(raw)
        for file in _list_files(raw):
            if str(file["id"]) == file_id.attachment_id:
                return str(file["url"])
        raise UserError(FILE_GONE)

    async def _download(self, url: str, attachment: Attachment) -> bytes:
        try:
            async with (
                asyncio.timeout(DOWNLOAD_S),
                self._connect().get(url, allow_redirects=False) as answer,
            ):
                _check_status(answer.status)
                data = await _read_capped(answer)
        except aiohttp.ClientPayloadError as error:
            raise DownloadCut(type(error).__name__) from None
        except (aiohttp.ClientError, aiohttp.InvalidURL, OSError, TimeoutError) as error:
            raise PlatformBusy(f"download: {type(error).__name__}") from None
        if len(data) < (attachment.size_bytes or 0):
            raise DownloadCut("shorter than announced")
        return data

    def _connect(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=_SILENCE_S)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=jar)
        return self._session


def _list_files(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from raw.get("attachments") or ()
    for snapshot in raw.get("message_snapshots") or ():
        yield from (snapshot.get("message") or {}).get("attachments") or ()


async def _read_capped(answer: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for block in answer.content.iter_chunked(_BLOCK_BYTES):
        data += block
        if len(data) > MAX_BYTES:
            raise _too_big()
    return bytes(data)


def _check_status(status: int) -> None:
    if status in (400, 401, 403, 404, 410):
        raise DownloadCut(f"link answered {status}", is_link_gone=True)
    if status != 200:
        raise PlatformBusy(f"download answered {status}")


def _too_big() -> TooLong:
    return TooLong(TOO_BIG, limit=MAX_BYTES >> 20)
