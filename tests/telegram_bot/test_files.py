"""Downloads from Telegram: complete, or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from bots.common.files import FileRecording
from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.incoming.files import CLOUD_MAX_BYTES
from core.errors import BadAudio, PlatformBusy, TooLong, UserError
from core.interfaces import PIECE_BYTES
from core.models import Attachment, Message, QuotedMessage
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import FakeInbox, make_message, make_settings, settings_for
from tests.support.virtual_time import current_clock

DATA = bytes(range(256)) * 400


def send(telegram: Server, data: bytes = DATA, **claims: object) -> Message:
    """Send a voice note from Ann; return the message."""
    ann = telegram.add_user("Ann")
    note = telegram.send_voice(ann, ann, data, claims=claims)
    file = telegram.message(ann, note).file
    assert file is not None
    attachment = Attachment(file.file_id, size_bytes=file.claimed_bytes, duration_s=3.0)
    return make_message(ann, note, attachment=attachment)


@pytest.mark.parametrize(("claim", "calls"), [(None, 1), (0, 1), (10, 1), (len(DATA) + 5, 2)])
async def test_a_file_arrives_whatever_size_was_announced(
    claim: int | None, calls: int, telegram: Server, bot: Bot
) -> None:
    noted = send(telegram, claimed_bytes=claim)
    assert await bot.fetch(noted) == DATA
    assert len(telegram.requests_to("download")) == calls
    asks = make_message(
        1, attachment=None, reply_to=QuotedMessage("1", attachment=noted.attachment)
    )
    assert await bot.fetch(asks) == DATA


async def test_a_file_that_is_too_large_is_refused_before_any_call(
    telegram: Server, bot: Bot
) -> None:
    bot.files.max_bytes = CLOUD_MAX_BYTES
    assert await bot.fetch(send(telegram, claimed_bytes=CLOUD_MAX_BYTES)) == DATA
    message = send(telegram, claimed_bytes=CLOUD_MAX_BYTES + 1)
    telegram.clear_requests()
    with pytest.raises(TooLong) as caught:
        await bot.fetch(message)
    assert caught.value.values == {"limit": 20} and telegram.requests == []
    bot.files.max_bytes = len(DATA) - 1
    with pytest.raises(TooLong):  # in spite of its claim
        await bot.fetch(send(telegram, claimed_bytes=None))
    # By the size in Telegram's getFile.
    telegram.fault("getFile", "status", status=400, description="file is too big")
    with pytest.raises(TooLong):
        await bot.fetch(send(telegram))


@pytest.mark.parametrize("fault", ["cut", "lose_reply", "status"])
async def test_a_truncated_download_is_repeated(fault: str, telegram: Server, bot: Bot) -> None:
    message = send(telegram)
    telegram.fault("download", fault, status=404)  # type: ignore[arg-type]
    assert await bot.fetch(message) == DATA
    assert len(telegram.requests_to("getFile")) == 2


async def test_a_missing_recording_is_reported(telegram: Server, bot: Bot) -> None:
    message = send(telegram)
    telegram.fault("download", "status", status=404, count=None)
    bot.files._is_cloud = True
    with pytest.raises(UserError, match="no longer has this file"):
        await bot.fetch(message)
    with pytest.raises(UserError, match="no longer has this file"):
        await bot.fetch(make_message(1, attachment=Attachment("made-up")))
    with pytest.raises(BadAudio):
        await bot.fetch(make_message(1, attachment=None))


@pytest.mark.parametrize(
    ("pattern", "kind", "details"),
    [
        ("download", "status", {"status": 500}), ("download", "cut", {"count": None}),
        ("download", "slow", {"bytes_per_s": 100}),
        ("getFile", "status", {"status": 429, "retry_after": 120}), ("getFile", "close", {}),
    ],
)  # fmt: skip
async def test_a_failed_download_may_be_repeated_and_its_error_holds_no_url(
    pattern: str, kind: str, details: dict[str, Any], telegram: Server, bot: Bot
) -> None:
    message = send(telegram)
    telegram.fault(pattern, kind, **details)  # type: ignore[arg-type]
    with pytest.raises(PlatformBusy) as caught:
        await bot.fetch(message)
    shown = f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert telegram.token not in shown
    assert "http://" not in shown


@pytest.mark.finding(8)
def test_only_telegrams_own_servers_limit_the_size_further(telegram: Server) -> None:
    def limit(**values: Any) -> int:
        settings = make_settings(telegram_bot_token=telegram.token, **values)
        bot = Bot(settings, FakeInbox())
        assert bot.max_file_bytes == bot.files.max_bytes
        return bot.files.max_bytes

    assert limit() == CLOUD_MAX_BYTES == 20 * 1024 * 1024
    assert limit(max_file_mb=7) == 7_000_000
    own: dict[str, Any] = {"telegram_api_base_url": "http://127.0.0.1:8081/bot"}
    assert limit(**own) == 128_000_000
    assert limit(**own, max_file_mb=2000) == 2_000_000_000


@pytest.mark.finding(8)
async def test_a_large_file_of_another_size_is_downloaded_twice(
    telegram: Server, bot: Bot, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.audio.media.PIECE_BYTES", 30_000)
    with_wrong_size = send(telegram, claimed_bytes=len(DATA) + 5)
    large = await bot.fetch(with_wrong_size)
    assert len(large) == len(DATA) and inbox.begun_recordings == 2


@pytest.mark.finding(8)
async def test_a_local_server_returns_a_path() -> None:
    async with Server(is_local=True) as telegram:
        settings = make_settings(
            telegram_bot_token=telegram.token, telegram_api_base_url=telegram.api_base_url
        )
        bot = Bot(settings, FakeInbox(), clock=current_clock())
        assert await bot.fetch(send(telegram)) == DATA
        assert telegram.requests_to("download") == []
        large = await bot.fetch(send(telegram, bytes(PIECE_BYTES) + DATA))
        # A path, and no second copy of it.
        assert isinstance(large, FileRecording) and len(large) == PIECE_BYTES + len(DATA)
        assert b"".join([chunk async for chunk in large.chunks()]).endswith(DATA)
        bot.files.max_bytes = 10
        with pytest.raises(TooLong):
            await bot.fetch(send(telegram, claimed_bytes=None))
        await bot.close()


@pytest.mark.finding(8)
@pytest.mark.parametrize("is_local", [True, False])
async def test_a_local_server_whose_files_are_out_of_reach(
    is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves no files itself, and its folder may be in another container."""
    async with Server(is_local=is_local) as telegram:
        bot = Bot(settings_for(telegram), FakeInbox(), clock=current_clock())
        message = send(telegram)
        # The emulator serves its files as api.telegram.org does.
        telegram.fault("download", "status", status=404, count=None)
        elsewhere = f"/elsewhere/{telegram.token}/voice/file_0.oga"
        monkeypatch.setattr("tests.emulators.telegram.files._write_local", lambda *_: elsewhere)
        with pytest.raises(PlatformBusy, match="Start the Bot API server with --local") as caught:
            await bot.fetch(message)
        assert telegram.token not in str(caught.value)
        await bot.close()


@pytest.mark.finding(8)
async def test_files_come_from_the_server_whose_address_is_set(telegram: Server) -> None:
    own = {"telegram_api_base_url": telegram.api_base_url, "telegram_file_base_url": ""}
    bot = Bot(settings_for(telegram, **own), FakeInbox(), clock=current_clock())
    assert await bot.fetch(send(telegram)) == DATA
    await bot.close()
