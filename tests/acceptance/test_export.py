"""/export from chats in which two people use everything: all of one's own, nothing of others."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from core.models import Chat, Reply
from core.store import Store
from tests.support.full_chats import ADA, BEN, DISCORD, EVE, TELEGRAM, World
from tests.support.group_talk import Group
from tests.support.loopback import run_loopback
from tests.support.paths import ROOT

SCHEMA = json.loads((ROOT / "docs" / "export.schema.json").read_text())
#: Words of whom -> what nobody else's export may have: words, names and ids of accounts.
MARKS = {
    "canary": ("canary", "Canary", *ADA.values()),
    "of Ben": ("of Ben", *(f"Person {one}" for one in BEN.values()), *BEN.values()),
}
#: Lists of the export that are empty if nothing happened to the person.
RARE = {"access", "left_out", "linked_platforms", "link_moments"}


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with run_loopback(store) as loopback:
        yield World(loopback, tmp_path)


def unpack(reply: Reply) -> dict[str, bytes]:
    """Return the files of all archives of a reply."""
    found: dict[str, bytes] = {}
    for file in reply.files:
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            assert archive.testzip() is None
            found |= {name: archive.read(name) for name in archive.namelist()}
    return found


def read(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return export.json, which fits the schema and names the files that are there."""
    parsed: dict[str, Any] = json.loads(files["export.json"])
    jsonschema_rs.validate(SCHEMA, parsed)
    replies = [one["reply"] or {"files": ()} for one in parsed["requests"]]
    paths = [path for reply in replies for path in reply["files"]]
    paths += [one["sample"] for one in parsed["voices"]]
    paths += [one["recording"] for one in parsed["requests"] if one["recording"]]
    assert {*paths, "export.json"} == files.keys() and not parsed["left_out"]
    return parsed


def check_complete(parsed: dict[str, Any], files: Mapping[str, bytes], words: str, on: str) -> None:
    """Check that every kind of thing is there that a person of the world has made."""
    lists = {key for key, value in parsed.items() if isinstance(value, list)}
    assert {key for key in lists - RARE if not parsed[key]} == set()
    group, private = f"{words} {on} group", f"{words} {on} private"
    shown = json.dumps(parsed)
    kinds = ("group written", "group spoken", "group dead", "group aloud", "group voice")
    for kind in (*kinds, "private forwarded", "private own", "private in my voice"):
        assert f"{words} {on} {kind}" in shown, kind
    [here] = [one for one in parsed["contributions"] if one["chat_id"] == f"-10{on}"]
    assert [one["meant"] for one in here["corrections"]] == [" ".join(group.split()[:3])]
    # The chat has one digest, which Ada has ordered after Ben.
    assert [one["at"] for one in here["digests"]] == ["09:00"] * (words == "canary")
    assert {one["message"]["text"] for one in parsed["history"]} >= {f"{group} written"}
    heard = [one["message"]["transcript"] for one in parsed["history"]]
    assert f"{group} spoken" in [one["text"] for one in heard if one]
    quoted = [one["transcript"]["text"] for one in parsed["quotations"] if one["transcript"]]
    assert f"{group} spoken" in quoted
    [upload] = [data for path, data in files.items() if path.startswith("recordings/")]
    assert upload == private.encode() * 50
    samples = [data for path, data in files.items() if path.startswith("voices/")]
    assert f"RIFF {private} sample".encode() * 9 in samples and len(samples) == 2
    spoken = [data for path, data in files.items() if path.startswith("replies/")]
    assert spoken and all(spoken)
    answers = [one["reply"]["text"] for one in parsed["requests"] if one["reply"]]
    assert any(answers) and any(one["transcript"] for one in parsed["requests"])


async def ask_all(world: World, people: dict[str, str], places: dict[str, Group]) -> dict[str, Any]:
    return {on: unpack(await world.ask(places[on], people[on], "export")) for on in places}


async def test_all_of_ones_own_and_no_byte_of_the_other(world: World) -> None:
    await world.fill(of_ada=False)
    await world.fill(of_ada=True)
    bens = await world.use_private_as_ben()
    await world.meet(ADA, BEN, "of Ben spoken")
    await world.meet(BEN, ADA, "canary spoken")
    for on, files in (await ask_all(world, ADA, world.private)).items():
        parsed = check_export(files, on, ADA, "canary", "of Ben")
        assert parsed["linked_platforms"] == [DISCORD if on == TELEGRAM else TELEGRAM]
    for on, files in (await ask_all(world, BEN, bens)).items():
        check_export(files, on, BEN, "of Ben", "canary")


def check_export(
    files: dict[str, bytes], on: str, person: dict[str, str], own: str, other: str
) -> dict[str, Any]:
    """Check that a person's own words are all there and no others, and return export.json."""
    parsed = read(files)
    assert (parsed["platform"], parsed["person_id"]) == (on, person[on])
    check_complete(parsed, files, own, on)
    data = b"".join(files.values())
    found = [mark for mark in (*MARKS[other], *EVE.values()) if mark.encode() in data]
    assert found == []
    return parsed


async def test_who_only_asked_about_others_gets_none_of_their_words(world: World) -> None:
    """Eve has pressed, transcribed, asked, searched, and summed up what Ada and Ben have said."""
    await world.fill(of_ada=False)
    await world.fill(of_ada=True)
    for on, person in EVE.items():
        place = Group(world.loopback, Chat(on, "1", person), is_private=True)
        files = unpack(await world.ask(place, person, "export"))
        parsed = read(files)
        for one in parsed["requests"]:
            # What she searched for is her own word.
            one["text"] = one["text"] if one["command"] != "find" else ""
        shown = json.dumps(parsed)
        assert [word for marks in MARKS.values() for word in marks if word in shown] == []
        assert len(parsed["requests"]) > 10
