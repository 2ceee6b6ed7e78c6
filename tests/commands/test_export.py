"""/export: the file goes to the person who asks, and to nobody else."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from core.commands import export as module
from core.errors import ChatGone
from core.models import Attachment, Chat, ChatSettings, Correction, Reply, TalkSettings
from core.privacy.export import JSON_NAME
from tests.commands.conftest import Talk
from tests.support.group_talk import ADA, BEN, GROUP, Group


def open_export(reply: Reply) -> dict[str, Any]:
    """Return export.json."""
    with zipfile.ZipFile(io.BytesIO(reply.files[0].data)) as archive:
        parsed: dict[str, Any] = json.loads(archive.read(JSON_NAME))
    return parsed


def sent(group: Group) -> list[tuple[str, Reply]]:
    return group.loopback.platform.sent


async def test_in_private_the_file_comes_at_once(talk: Talk) -> None:
    await talk.send(attachment=Attachment("file-1", duration_s=3.0))
    reply = await talk.send(command="export")
    assert "everything that is stored about you" in reply.text
    [file] = reply.files
    assert file.name.startswith("hearsay-export-") and file.mime == "application/zip"
    parsed = open_export(reply)
    assert [one["command"] for one in parsed["requests"]] == ["transcribe", "export"]
    assert parsed["requests"][0]["transcript"]["text"] == "call 1"


async def test_in_a_group_it_goes_to_the_private_chat(group: Group) -> None:
    await group.say("/transcribe", command="help")
    reply = await group.ask("export", ADA)
    await group.loopback.settle()
    shown = {message_id: one for message_id, one in sent(group) if one.text}
    [private] = [one for one in shown.values() if one.files]
    in_group = [one for one in shown.values() if not one.files]
    assert any("in private" in one.text for one in in_group) and not reply.files
    assert open_export(private)["person_id"] == ADA
    [job] = await group.loopback.store.jobs.history(Chat("test", "1", ADA))
    assert job.message.sender_id == ADA and job.message.is_private


async def test_a_person_whom_the_bot_may_not_write_to_is_told_how(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(person_id: str) -> Chat:
        raise ChatGone("never started")

    monkeypatch.setattr(group.loopback.platform, "private_chat", refuse)
    reply = await group.ask("export", BEN)
    assert "Write to me in private" in reply.text
    assert not any(one.files for _, one in sent(group))


async def test_who_has_no_id_gets_nothing(group: Group) -> None:
    await group.send(replace(group.write(command="export"), sender_id=""))
    assert "who you are" in sent(group)[-1][1].text
    assert not any(one.files for _, one in sent(group))


async def test_where_only_the_sender_sees_the_reply_the_file_is_in_it(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group.loopback.platform, "is_ephemeral", lambda message: True)
    reply = await group.ask("export", ADA)
    assert open_export(reply)["person_id"] == ADA


async def test_a_group_in_which_it_is_asked_for_is_nobodys_own(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the bot can open no private chat."""

    async def refuse(person_id: str) -> Chat:
        raise ChatGone("never started")

    words = TalkSettings(remember_days=7, glossary=(Correction("a", "secret", by=BEN),))
    await group.loopback.store.chats.save_settings(GROUP, ChatSettings(talk=words))
    monkeypatch.setattr(group.loopback.platform, "is_ephemeral", lambda message: True)
    monkeypatch.setattr(group.loopback.platform, "private_chat", refuse)
    parsed = open_export(await group.ask("export", ADA))
    assert "secret" not in json.dumps(parsed) and not parsed["chats"]


async def test_people_do_not_wait_for_each_other(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each can have one in ten minutes, in whichever chat."""
    monkeypatch.setattr(group.loopback.platform, "is_ephemeral", lambda message: True)
    assert (await group.ask("export", ADA)).files and (await group.ask("export", BEN)).files
    elsewhere = Group(group.loopback, Chat("test", "1", ADA), is_private=True)
    again = await elsewhere.ask("export", ADA)
    assert not again.files and "10 minutes" in again.text


async def test_it_can_be_had_once_in_ten_minutes(talk: Talk) -> None:
    assert (await talk.send(command="export")).files
    again = await talk.send(command="export")
    assert not again.files and "10 minutes" in again.text
    await talk.loopback.store._database.clock.sleep(module.INTERVAL.total_seconds())
    assert (await talk.send(command="export")).files


async def test_what_is_too_large_is_said(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOUND_BYTES", 10)
    await talk.send(command="say", text="Hello there")
    reply = await talk.send(command="export")
    assert "1 sound file is left out" in reply.text
    assert len(open_export(reply)["left_out"]) == 1
    assert not talk.loopback.platform.max_upload_bytes < len(reply.files[0].data)
    await talk.loopback.store._database.clock.sleep(module.INTERVAL.total_seconds())
    monkeypatch.setattr(talk.loopback.platform, "max_upload_bytes", 500)
    refused = await talk.send(command="export")
    assert "too much" in refused.text and not refused.files


async def test_several_archives_have_all_of_it(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = [await talk.send(command="say", text=word * 40) for word in ("One ", "Two ", "Six ")]
    limit = max(len(file.data) for one in spoken for file in one.files) + 4000
    monkeypatch.setattr(talk.loopback.platform, "max_upload_bytes", limit)
    reply = await talk.send(command="export")
    names = [file.name for file in reply.files]
    assert len(names) > 1 and names[1].endswith("-2.zip")
    assert all(len(file.data) <= limit for file in reply.files)


async def test_the_group_of_others_is_not_opened(group: Group) -> None:
    await group.say("secret of Ben", BEN)
    await group.ask("remember on", ADA)
    await group.say("secret of Ben", BEN)
    await group.say("word of Ada", ADA)
    await group.ask("export", ADA)
    await group.loopback.settle()
    [private] = [one for _, one in sent(group) if one.files]
    parsed = open_export(private)
    assert "secret" not in json.dumps(parsed)
    assert [one["message"]["text"] for one in parsed["history"]] == ["word of Ada"]
    assert parsed["history"][0]["chat_id"] == GROUP.chat_id
