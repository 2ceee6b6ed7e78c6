"""/export on Telegram: a file in the private chat, wherever it was asked for."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from core.errors import ChatGone
from tests.emulators.telegram import TelegramServer as Server
from tests.emulators.telegram.records import Message
from tests.support.loopback import Loopback

#: The account of all who write in the name of their group.
ANONYMOUS_ADMIN = 1087968824


def archives(telegram: Server, chat: int) -> list[Message]:
    return [one for one in telegram.replies(chat) if one.file and one.file.name.endswith(".zip")]


def read(message: Message) -> dict[str, Any]:
    assert message.file
    with zipfile.ZipFile(io.BytesIO(message.file.data)) as archive:
        parsed: dict[str, Any] = json.loads(archive.read("export.json"))
    return parsed


@pytest.mark.usefixtures("whole")
async def test_in_the_private_chat_it_is_a_file(telegram: Server, ann: int) -> None:
    telegram.send_command(ann, ann, "/help")
    telegram.send_command(ann, ann, "/export")
    await telegram.wait_for(lambda: archives(telegram, ann))
    [message] = archives(telegram, ann)
    assert message.file and message.file.kind == "document"
    parsed = read(message)
    assert (parsed["platform"], parsed["person_id"]) == ("telegram", str(ann))
    assert [one["command"] for one in parsed["requests"]] == ["help", "export"]


@pytest.mark.usefixtures("whole")
async def test_asked_for_in_a_group_it_comes_in_private(
    telegram: Server, ann: int, group: int
) -> None:
    telegram.send_command(group, ann, "/export")
    await telegram.wait_for(lambda: archives(telegram, ann) and telegram.replies(group))
    assert not archives(telegram, group)
    [told] = telegram.replies(group)
    assert "in private" in told.text
    assert read(archives(telegram, ann)[0])["person_id"] == str(ann)


@pytest.mark.usefixtures("whole")
async def test_who_has_not_started_the_bot_is_told_how(
    telegram: Server, ann: int, group: int
) -> None:
    telegram.block(ann)
    telegram.send_command(group, ann, "/export")
    await telegram.wait_for(lambda: telegram.replies(group))
    assert "Write to me in private" in telegram.replies(group)[0].text
    assert not archives(telegram, ann) and not archives(telegram, group)


async def test_what_belongs_to_a_group_has_no_private_chat(
    whole: Loopback, telegram: Server, group: int
) -> None:
    """Anonymous admins have the id of their group: the file would go to all of it."""
    platform = whole.inbox.platforms["telegram"]
    await telegram.wait_for(lambda: platform.is_ready)
    for person_id in (str(group), str(ANONYMOUS_ADMIN), "", "-100123"):
        with pytest.raises(ChatGone):
            await platform.private_chat(person_id)
