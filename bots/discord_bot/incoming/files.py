"""Downloads of people's files. Discord's links expire after a day; the message has fresh ones."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp

from bots.common.downloads import DownloadCut, download_again
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import FILE_GONE, read_error
from bots.discord_bot.incoming.deletions import cancel_deleted
from bots.discord_bot.incoming.messages import list_files
from core.audio import RecordingSpool
from core.audio.refusals import TOO_LARGE
from core.errors import BadAudio, ChatGone, MessageGone, PlatformBusy, TooLong, UserError
from core.inbox import Inbox
from core.interfaces import Recording
from core.models import Attachment, Message
from core.stall import DOWNLOAD_S, follow_download

#: Longest pause in a download.
_SILENCE_S = 30.0
#: Links remembered of recent messages.
_MAX_LINKS = 2000
_BLOCK_BYTES = 1 << 16


class DiscordFiles:
    """Downloads of one bot."""

    def __init__(self, client: DiscordClient, inbox: Inbox, max_bytes: int) -> None:
        self._client = client
        self._inbox = inbox
        #: Larger files are refused; Discord itself holds up to 500 MB.
        self.max_bytes = max_bytes
        self._links: OrderedDict[str, str] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    def note_links(self, raw: Mapping[str, Any]) -> None:
        """Remember the links of a raw message and of the one it replies to."""
        for one in (raw, raw.get("referenced_message") or {}):
            for file, _ in list_files(one):
                key = f"{one.get('channel_id')}/{one.get('id')}/{file.get('id')}"
                self._links[key] = str(file.get("url") or "")
        while len(self._links) > _MAX_LINKS:
            self._links.popitem(last=False)

    async def fetch(self, message: Message) -> Recording:
        """Return the recording of a message, or of the one it replies to.

        Raises TooLong before the download where the size is known, BadAudio if there is none,
        UserError if Discord no longer has it, JobCancelled if its message does not stand any more,
        PlatformError.
        """
        if message.message_id not in self._client.seen:
            await cancel_deleted(self._client, self._inbox, message)
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        if not attachment:
            raise BadAudio
        if (attachment.size_bytes or 0) > self.max_bytes:
            raise TooLong(TOO_LARGE, limit=self.max_bytes // 10**6)
        key, _, url = attachment.file_id.partition(" ")
        if "://" in key:
            # A file that belongs to no message has only a link.
            key, url = "", key
        url = url or self._links.get(key) or await self._renew(key)
        try:
            return await self._download(url, attachment)
        except DownloadCut as first:
            return await download_again(first, partial(self._renewed, key, attachment), FILE_GONE)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _renew(self, key: str) -> str:
        """Return a fresh link. Raises UserError if there is none, PlatformError.

        key: channel/message/attachment, valid as long as the message stands.
        """
        if key.count("/") != 2:
            raise UserError(FILE_GONE)
        channel_id, message_id, attachment_id = key.split("/")
        await self._client.wait_open()
        try:
            raw = await self._client.http.get_message(int(channel_id), int(message_id))
        except REQUEST_ERRORS as error:
            ours = read_error(error)
            if isinstance(ours, ChatGone | MessageGone):
                raise UserError(FILE_GONE) from None
            raise ours from None
        self.note_links(raw)
        for file, _ in list_files(raw):
            if str(file["id"]) == attachment_id:
                return str(file["url"])
        raise UserError(FILE_GONE)

    async def _renewed(self, key: str, attachment: Attachment) -> Recording:
        return await self._download(await self._renew(key), attachment)

    async def _download(self, url: str, attachment: Attachment) -> Recording:
        """Return the file. Raises DownloadCut, PlatformBusy, TooLong."""
        session = self._session = self._session or _open_session()
        spool = RecordingSpool(self._inbox.begin_recording)
        try:
            async with (
                asyncio.timeout(DOWNLOAD_S) as deadline,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status in (400, 401, 403, 404, 410):
                    raise DownloadCut(f"link answered {response.status}", is_link_gone=True)
                if response.status != 200:
                    raise PlatformBusy(f"download answered {response.status}")
                blocks = response.content.iter_chunked(_BLOCK_BYTES)
                async for block in follow_download(blocks, deadline):
                    await spool.write(block)
                    if spool.size_bytes > self.max_bytes:
                        raise TooLong(TOO_LARGE, limit=self.max_bytes // 10**6)
        except aiohttp.ClientPayloadError as error:
            raise DownloadCut(type(error).__name__) from None
        except (aiohttp.ClientError, aiohttp.InvalidURL, OSError, TimeoutError) as error:
            raise PlatformBusy(f"download: {type(error).__name__}") from None
        recording = await spool.finish()
        if len(recording) < (attachment.size_bytes or 0):
            raise DownloadCut("shorter than announced", recording)
        return recording


def _open_session() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=_SILENCE_S)
    return aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
