"""Downloads that break off: tried once more, through a new link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from core.errors import PlatformBusy, UserError
from core.interfaces import Recording

log = structlog.get_logger(__name__)


class DownloadCut(Exception):
    """The download ended early, or its link is no longer valid: worth one new link.

    recording: what came, if that may be all of it.
    """

    def __init__(
        self, reason: str, recording: Recording = b"", *, is_link_gone: bool = False
    ) -> None:
        super().__init__(reason)
        self.recording = recording
        self.is_link_gone = is_link_gone


async def download_again(
    first: DownloadCut, download: Callable[[], Awaitable[Recording]], gone: str
) -> Recording:
    """Return what `download` returns, which gets a new link, after a first try was cut.

    gone: the text that the file is no longer there. Raises UserError with it, PlatformBusy.
    """
    log.info("download_again", reason=str(first))
    try:
        return await download()
    except DownloadCut as second:
        if second.is_link_gone:
            raise UserError(gone) from None
        # Cut at the same byte twice: the announced size was wrong.
        if second.recording and len(second.recording) == len(first.recording):
            return second.recording
        raise PlatformBusy(str(second)) from None
