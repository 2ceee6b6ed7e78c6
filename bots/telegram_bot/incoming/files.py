"""Recordings in Telegram's messages: which file holds one, and its download.

The size is checked before and while a file is downloaded. Addresses hold the bot's token, so no
error and no log has one.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import httpx
import telegram
from telegram.error import RetryAfter, TelegramError

from bots.common.chat import clean, clean_line, read_length
from bots.common.downloads import DownloadCut, download_again
from bots.common.files import read_file
from bots.telegram_bot.client import TelegramClient
from bots.telegram_bot.errors import FILE_GONE, read_error
from bots.telegram_bot.pacing import TelegramPacer
from core.audio import RecordingSpool
from core.audio.refusals import TOO_LARGE
from core.config import Settings
from core.errors import BadAudio, PlatformBusy, PlatformError, TooLong
from core.inbox import Inbox
from core.interfaces import Recording
from core.models import Attachment, Message
from core.stall import DOWNLOAD_S, follow_download, slow_call

#: Extensions of audio and video files, for documents whose type does not say so.
MEDIA_EXTENSIONS = (
    *(".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wav", ".flac"),
    *(".webm", ".weba", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".3g2"),
    *(".amr", ".awb", ".aiff", ".aif", ".aifc", ".caf", ".wma", ".wmv", ".ape", ".au", ".mka"),
)

#: What files are sent as whose type the sender's app does not know.
_NO_TYPE = frozenset({"", "application/octet-stream", "binary/octet-stream"})

#: Largest file that a bot can download from Telegram's own servers (in the server's source).
CLOUD_MAX_BYTES = 20 << 20
#: How long a call may take, without the time in which a local server gets the file.
_CALL_S, _LOCAL_BYTES_PER_S = 30.0, 1e6
_CLOUD_HOST = "api.telegram.org"
#: A local Bot API server has just got the file, and serves none itself.
_LOCAL_CURE = (
    "Start the Bot API server with --local and make its folder readable here under the same path, "
    "or set TELEGRAM_FILE_BASE_URL to a web server that has its files."
)
#: Fields of a message that hold a recording, in order of preference.
_Kind = Literal["voice", "audio", "video_note", "video", "document"]
KINDS: tuple[_Kind, ...] = get_args(_Kind)


def read_attachment(
    holder: telegram.Message | telegram.ExternalReplyInfo, *, may_guess: bool
) -> Attachment | None:
    """Return the recording in a message, None if it has none.

    Name, type and size are what the sender claims; what an inline bot made is no voice message.
    may_guess: take a file of no stated type for one, since its content may be sound.
    """
    kind = next((one for one in KINDS if getattr(holder, one)), None)
    # A GIF comes as a document too, and is silent.
    if kind is None or holder.animation:
        return None
    # Not every kind has every attribute.
    raw = getattr(holder, kind).to_dict()
    mime = clean(raw.get("mime_type") or "").lower()[:100]
    # The last part of a path: people see it, nothing opens it.
    name = clean_line((raw.get("file_name") or "").replace("\\", "/").split("/")[-1])
    is_media = mime.startswith(("audio/", "video/")) or mime == "application/ogg"
    has_extension = name.lower().rstrip(" .").endswith(MEDIA_EXTENSIONS)
    if kind == "document" and not (is_media or has_extension or (may_guess and mime in _NO_TYPE)):
        return None
    size = raw.get("file_size")
    return Attachment(
        file_id=clean(raw["file_id"]),
        kind="audio" if kind == "voice" and getattr(holder, "via_bot", None) else kind,
        name=name,
        mime=mime,
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
        duration_s=read_length(raw.get("duration")),
    )


class TelegramFiles:
    """Downloads recordings with the bot's token."""

    def __init__(
        self, client: TelegramClient, pacer: TelegramPacer, settings: Settings, inbox: Inbox
    ) -> None:
        self._client = client
        self._pacer = pacer
        self._inbox = inbox
        self._is_cloud = httpx.URL(settings.telegram_api_base_url).host == _CLOUD_HOST
        # A local Bot API server has no limit.
        largest = CLOUD_MAX_BYTES if self._is_cloud else settings.max_file_bytes
        self.max_bytes = min(largest, settings.max_file_bytes)

    async def fetch(self, message: Message) -> Recording:
        """Return the recording in a message or in the one it replies to.

        Raises TooLong, before the download where the size is known, BadAudio if there is none,
        UserError if Telegram no longer has it, PlatformError.
        """
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        if not attachment:
            raise BadAudio
        if (attachment.size_bytes or 0) > self.max_bytes:
            raise self._too_big()
        try:
            return await self._fetch_once(attachment)
        except DownloadCut as first:
            again = partial(self._fetch_once, attachment)
            return await download_again(first, again, FILE_GONE)

    async def _fetch_once(self, attachment: Attachment) -> Recording:
        await self._pacer.wait()
        # A local server answers once it has the file itself.
        wait_s = 0.0 if self._is_cloud else (attachment.size_bytes or 0) / _LOCAL_BYTES_PER_S
        try:
            with slow_call() if wait_s > 1 else nullcontext():
                file = await self._client.bot.get_file(
                    attachment.file_id, read_timeout=_CALL_S + wait_s
                )
        except TelegramError as error:
            if isinstance(error, RetryAfter):
                self._pacer.hold(None, error.retry_after)
            raise read_error(error) from None
        if (file.file_size or 0) > self.max_bytes:
            raise self._too_big()
        path = file.file_path or ""
        if not path.startswith(("http://", "https://")):
            return await asyncio.to_thread(self._read_local, Path(path))
        recording = await self._download(path)
        if len(recording) < (file.file_size or 0):
            raise DownloadCut("shorter than announced", recording)
        return recording

    async def _download(self, url: str) -> Recording:
        try:
            # The SDK does not quote the link, and names may hold anything.
            request = self._client.calls.open(httpx.URL(url))
            async with asyncio.timeout(DOWNLOAD_S) as deadline, request as response:
                status = response.status_code
                if status in (400, 401, 403, 404, 410):
                    reason = f"status {status}" + ("" if self._is_cloud else f". {_LOCAL_CURE}")
                    raise DownloadCut(reason, is_link_gone=self._is_cloud)
                if status != 200:
                    raise PlatformBusy(f"download: status {status}")
                spool = RecordingSpool(self._inbox.begin_recording)
                async for chunk in follow_download(response.aiter_bytes(), deadline):
                    await spool.write(chunk)
                    if spool.size_bytes > self.max_bytes:
                        raise self._too_big()
                return await spool.finish()
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise DownloadCut(type(error).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise PlatformBusy(f"download: {type(error).__name__}") from None

    def _read_local(self, path: Path) -> Recording:
        # Only the operator's own Bot API server may name files on this machine.
        if self._is_cloud or not path.is_absolute():
            raise PlatformError("Telegram returned no address of the file")
        try:
            if path.stat().st_size > self.max_bytes:
                raise self._too_big()
            return read_file(path)
        except OSError as error:
            raise PlatformBusy(f"local file: {type(error).__name__}. {_LOCAL_CURE}") from None

    def _too_big(self) -> TooLong:
        return TooLong(TOO_LARGE, limit=self.max_bytes // 10**6)
