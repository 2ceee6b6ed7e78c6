"""Fetches sound from Telegram: size first, bytes under a cap, addresses never told to anyone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import structlog
import telegram
from telegram.error import RetryAfter, TelegramError

from bots.telegram_bot.errors import FILE_GONE, TOO_BIG, as_seconds, read_error
from bots.telegram_bot.pacing import TelegramPacer
from core.config import Settings
from core.engines.wire.tls import tls
from core.errors import BadAudio, PlatformBusy, PlatformError, TooLong, UserError
from core.models import Attachment, Message

log = structlog.get_logger(__name__)

#: What Telegram's own servers hand out to bots (20 << 20 in the server's source).
CLOUD_MAX_BYTES = 20 << 20
#: A local server hands out all it has; Telegram itself takes files up to this.
LOCAL_MAX_BYTES = 2000 << 20
#: Total deadline of one download.
DOWNLOAD_S = 300.0
#: An idle connection is kept so long: to open one takes longer than to fetch a voice note.
#: Only here: a message that breaks off on an old connection may have been sent.
_KEEP_S = 55.0
_CLOUD_HOST = "api.telegram.org"


class DownloadCut(Exception):
    """The download ended early or its link is no longer valid: worth one new link."""

    def __init__(self, reason: str, data: bytes = b"", *, is_link_gone: bool = False) -> None:
        super().__init__(reason)
        self.data = data
        self.is_link_gone = is_link_gone


class TelegramFiles:
    """Downloads of one bot. Errors hold no address: it has the token in it."""

    def __init__(self, bot: telegram.Bot, pacer: TelegramPacer, settings: Settings) -> None:
        self._bot = bot
        self._pacer = pacer
        self._is_cloud = httpx.URL(settings.telegram_api_base_url).host == _CLOUD_HOST
        self.max_bytes = CLOUD_MAX_BYTES if self._is_cloud else LOCAL_MAX_BYTES
        limits = httpx.Limits(
            max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEEP_S
        )
        self._client = httpx.AsyncClient(
            timeout=30, limits=limits, follow_redirects=False, verify=tls()
        )

    async def fetch(self, message: Message) -> bytes:
        """Return the sound of a message, or of the one it answers.

        Raises TooLong before the download where the size is known, BadAudio if there is none,
        UserError if Telegram has it no longer, PlatformError.
        """
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        if not attachment:
            raise BadAudio
        if (attachment.size_bytes or 0) > self.max_bytes:
            raise self._too_big()
        try:
            return await self._fetch_once(attachment)
        except DownloadCut as first:
            log.info("telegram_download_again", reason=str(first))
            return await self._fetch_again(attachment, first)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _fetch_again(self, attachment: Attachment, first: DownloadCut) -> bytes:
        try:
            return await self._fetch_once(attachment)
        except DownloadCut as second:
            if second.is_link_gone:
                raise UserError(FILE_GONE) from None
            # Cut at the same byte twice: it is the size told before that was wrong.
            if second.data and second.data == first.data:
                return second.data
            raise PlatformBusy(str(second)) from None

    async def _fetch_once(self, attachment: Attachment) -> bytes:
        file = await self._find(attachment)
        if (file.file_size or 0) > self.max_bytes:
            raise self._too_big()
        path = file.file_path or ""
        if not path.startswith(("http://", "https://")):
            return await asyncio.to_thread(self._read_local, Path(path))
        data = await self._download(path)
        if len(data) < (file.file_size or 0):
            raise DownloadCut("shorter than announced", data)
        return data

    async def _find(self, attachment: Attachment) -> telegram.File:
        await self._pacer.wait()
        try:
            return await self._bot.get_file(attachment.file_id)
        except TelegramError as error:
            if isinstance(error, RetryAfter):
                self._pacer.hold(None, as_seconds(error.retry_after))
            raise read_error(error) from None

    async def _download(self, url: str) -> bytes:
        try:
            # The link as the SDK gives it is not quoted, names may hold anything.
            async with (
                asyncio.timeout(DOWNLOAD_S),
                self._client.stream("GET", httpx.URL(url)) as answer,
            ):
                _check_status(answer.status_code)
                return await self._read_capped(answer)
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise DownloadCut(type(error).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise PlatformBusy(f"download: {type(error).__name__}") from None

    async def _read_capped(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > self.max_bytes:
                raise self._too_big()
        return bytes(data)

    def _read_local(self, path: Path) -> bytes:
        # Only a server of the operator's own may name files of this machine.
        if self._is_cloud or not path.is_absolute():
            raise PlatformError("Telegram named no file that can be fetched")
        try:
            if path.stat().st_size > self.max_bytes:
                raise self._too_big()
            return path.read_bytes()
        except OSError as error:
            # Telegram's server runs here but its files cannot be read: rights or mounts.
            raise PlatformBusy(f"local file: {type(error).__name__}") from None

    def _too_big(self) -> TooLong:
        return TooLong(TOO_BIG, limit=self.max_bytes >> 20)


def _check_status(status: int) -> None:
    if status in (400, 401, 403, 404, 410):
        raise DownloadCut(f"link answered {status}", is_link_gone=True)
    if status != 200:
        raise PlatformBusy(f"download answered {status}")
