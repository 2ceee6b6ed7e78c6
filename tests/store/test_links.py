"""Links between accounts, as the tables hold them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import Clock
from core.models import Audio, Chat, SavedVoice, SpeechSettings
from core.privacy.periods import CODES_KEPT
from core.store import LinkResult, Store, make_cipher, migrate
from core.store.people.links import MAX_TRIES
from tests.support.clean_start import ask_database, read_stored
from tests.support.remembered_talk import REMEMBERS, say, talk, texts
from tests.support.virtual_time import current_clock

ADA = ("telegram", "7")
ADA_THERE = ("discord", "4242")
#: Others with the same ids, each on the platform where Ada has the other one.
STRANGERS = (("telegram", "4242"), ("discord", "7"), ("telegram", "8"), ("discord", "8"))
HERE, THERE = Chat("telegram", "1", "-100"), Chat("discord", "2", "900")


def own_voice(voice_id: str) -> SavedVoice:
    sample = Audio(voice_id.encode(), "audio/wav", 8.0)
    return SavedVoice(voice_id, "me", sample, is_clone=True, consented_at=current_clock().now())


async def join(store: Store, made: tuple[str, str], used: tuple[str, str], job: str) -> LinkResult:
    return await store.links.link(*used, await store.links.create_code(*made), job)


async def link(store: Store) -> None:
    assert await join(store, ADA, ADA_THERE, "job-1") is LinkResult.LINKED


async def voice_of(store: Store, account: tuple[str, str]) -> str:
    return (await store.voices.choice(*account)).voice


async def test_choices_are_shared_both_ways_and_with_nobody_else(store: Store) -> None:
    for number, account in enumerate(STRANGERS):
        await store.voices.save_choice(*account, SpeechSettings(f"canary-{number}"))
    await link(store)
    for chooser in (ADA, ADA_THERE):
        await store.voices.save_choice(*chooser, SpeechSettings(f"by {chooser[0]}", "(warm)"))
        for account in (ADA, ADA_THERE):
            shared = SpeechSettings(f"by {chooser[0]}", "(warm)")
            assert await store.voices.choice(*account) == shared
    found = [await voice_of(store, account) for account in STRANGERS]
    assert found == [f"canary-{number}" for number in range(len(STRANGERS))]


@pytest.mark.parametrize(
    ("theirs", "mine", "shared"),
    [
        (SpeechSettings("Mia", "slow"), SpeechSettings(), SpeechSettings("Mia", "slow")),
        (SpeechSettings("Mia", "slow"), SpeechSettings("Li"), SpeechSettings("Li", "slow")),
        (SpeechSettings("Mia", "a"), SpeechSettings("Li", "b"), SpeechSettings("Li", "b")),
    ],
)
async def test_what_was_chosen_where_the_code_is_typed_holds(
    store: Store, theirs: SpeechSettings, mine: SpeechSettings, shared: SpeechSettings
) -> None:
    await store.voices.save_choice(*ADA, theirs)
    await store.voices.save_choice(*ADA_THERE, mine)
    await link(store)
    assert await store.voices.choice(*ADA) == shared
    assert await store.voices.choice(*ADA_THERE) == shared


@pytest.mark.parametrize("out", [ADA, ADA_THERE])
async def test_an_opt_out_of_one_side_holds_for_both(store: Store, out: tuple[str, str]) -> None:
    await store.memory.opt_out(*out, True)
    await link(store)
    assert await store.memory.is_opted_out(*ADA) and await store.memory.is_opted_out(*ADA_THERE)
    for who, is_out in ((ADA, False), (ADA_THERE, True)):
        await store.memory.opt_out(*who, is_out)
        found = [await store.memory.is_opted_out(*who) for who in (ADA, ADA_THERE)]
        assert found == [is_out, is_out]
    assert not any([await store.memory.is_opted_out(*who) for who in STRANGERS])


async def test_what_was_said_on_both_sides_goes_and_nothing_of_others(store: Store) -> None:
    for place in (HERE, THERE):
        await store.chats.save_settings(place, REMEMBERS)
    speakers = [ADA, ADA_THERE, *STRANGERS]
    for number, (platform, person_id) in enumerate(speakers, 1):
        place = HERE if platform == "telegram" else THERE
        await talk(store, say(number, f"of {number}", chat=place, sender_id=person_id))
    await link(store)
    assert (await store.forgetting.forget_person(HERE, "7")).messages == 1
    assert await texts(store, THERE) == ["of 2", "of 4", "of 6"], "there is another chat"
    accounts = await store.links.accounts(*ADA)
    assert accounts == {ADA, ADA_THERE}
    counts = await store.forgetting.forget_everywhere(accounts, keeps_account=True)
    assert counts.messages == 1
    assert await texts(store, HERE) == ["of 3", "of 5"]
    assert await texts(store, THERE) == ["of 4", "of 6"]


async def test_voices_of_ones_own_can_be_used_on_both_sides(store: Store) -> None:
    designed = SavedVoice("d", "calm", Audio(b"d", "audio/wav", 8.0))
    await store.voices.keep(HERE, "7", own_voice("a"))
    await store.voices.keep(HERE, "7", designed)
    await link(store)
    await store.voices.keep(THERE, "4242", own_voice("b"))
    usable = [v.voice_id for v in await store.voices.usable(HERE, "7")]
    assert usable == ["a", "d", "b"]
    assert [v.voice_id for v in await store.voices.usable(THERE, "4242")] == ["a", "b"]
    assert [v.voice_id for v in await store.voices.usable(HERE, "8")] == ["d"]
    for platform, person_id in STRANGERS:
        assert await store.voices.usable(Chat(platform, "1", "-5"), person_id) == []
    await store.voices.forget(own_voice("a"))
    assert [v.voice_id for v in await store.voices.usable(THERE, "4242")] == ["b"]


async def test_parted_each_keeps_the_choices_and_the_voices_recorded_there(store: Store) -> None:
    await store.voices.keep(HERE, "7", own_voice("a"))
    await link(store)
    await store.voices.keep(THERE, "4242", own_voice("b"))
    await store.voices.save_choice(*ADA, SpeechSettings("Mia"))
    await store.memory.opt_out(*ADA, True)
    for _ in range(2):
        await store.links.unlink(*ADA_THERE)
    for account in (ADA, ADA_THERE):
        assert await store.links.linked_platforms(*account) == []
        assert await voice_of(store, account) == "Mia"
        assert await store.memory.is_opted_out(*account)
    await store.voices.save_choice(*ADA, SpeechSettings("Li"))
    await store.memory.opt_out(*ADA, False)
    assert await voice_of(store, ADA_THERE) == "Mia"
    assert await store.memory.is_opted_out(*ADA_THERE)
    assert [v.voice_id for v in await store.voices.usable(HERE, "7")] == ["a"]
    assert [v.voice_id for v in await store.voices.usable(THERE, "4242")] == ["b"]


async def test_three_accounts_and_one_that_leaves(store: Store) -> None:
    page = ("web", "c0ffee")
    await link(store)
    assert await join(store, ADA_THERE, page, "job-2") is LinkResult.LINKED
    assert await store.links.linked_platforms(*ADA) == ["discord", "web"]
    await store.voices.save_choice(*page, SpeechSettings("Mia"))
    assert await voice_of(store, ADA) == "Mia"
    await store.links.unlink(*ADA)
    assert await store.links.linked_platforms(*ADA) == []
    assert await store.links.linked_platforms(*page) == ["discord"]
    await store.voices.save_choice(*page, SpeechSettings("Li"))
    assert [await voice_of(store, who) for who in (ADA, ADA_THERE, page)] == ["Mia", "Li", "Li"]


async def test_nobody_has_two_accounts_on_one_platform(store: Store) -> None:
    await link(store)
    assert await join(store, ADA, ("telegram", "8"), "job-2") is LinkResult.SAME_PLATFORM
    assert await join(store, ("telegram", "8"), ADA_THERE, "job-3") is LinkResult.SAME_PLATFORM
    assert await store.links.linked_platforms("telegram", "8") == []
    assert await join(store, ADA, ADA_THERE, "job-4") is LinkResult.LINKED, "they are already"


async def test_a_code_works_once_and_again_for_the_job_that_used_it(store: Store) -> None:
    code = await store.links.create_code(*ADA)
    assert await store.links.link(*ADA, code, "job-0") is LinkResult.OWN, "it may still be used"
    typed = f" {code[:4].lower()}-{code[4:]} "
    assert await store.links.link(*ADA_THERE, typed, "job-1") is LinkResult.LINKED
    assert await store.links.link(*ADA_THERE, typed, "job-1") is LinkResult.LINKED
    assert await store.links.link(*ADA_THERE, typed, "job-2") is LinkResult.UNKNOWN
    assert await store.links.link("web", "c0ffee", code, "job-3") is LinkResult.UNKNOWN
    assert await store.links.linked_platforms(*ADA) == ["discord"]


async def test_the_wrong_the_replaced_the_own_and_the_void_code(store: Store) -> None:
    first, second = [await store.links.create_code(*ADA) for _ in range(2)]
    for code in ("", "ABCDEFGH", second[:-1], first):
        assert await store.links.link(*ADA_THERE, code, "job-1") is LinkResult.UNKNOWN
    assert await store.links.link(*ADA, second, "job-2") is LinkResult.OWN
    others = await store.links.create_code("telegram", "8")
    await store.links.unlink(*ADA)
    assert await store.links.link("discord", "8", second, "job-3") is LinkResult.UNKNOWN
    third = await store.links.create_code(*ADA)
    await store.links.revoke_code(third)
    assert await store.links.link("discord", "8", third, "job-4") is LinkResult.UNKNOWN
    await store.links.revoke_code("none")
    assert await store.links.link("discord", "9", others, "job-5") is LinkResult.LINKED
    for account in (ADA, ADA_THERE, ("discord", "8")):
        assert await store.links.linked_platforms(*account) == []


@pytest.mark.parametrize("age", [CODES_KEPT - timedelta(seconds=30), CODES_KEPT])
async def test_a_code_has_its_end(store: Store, clock: Clock, age: timedelta) -> None:
    code = await store.links.create_code(*ADA)
    await clock.sleep(age.total_seconds())
    outcome = await store.links.link(*ADA_THERE, code, "job-1")
    assert outcome is (LinkResult.UNKNOWN if age == CODES_KEPT else LinkResult.LINKED)


async def test_nobody_may_try_many_codes(store: Store, clock: Clock) -> None:
    code = await store.links.create_code(*ADA)
    for number in range(MAX_TRIES):
        tried = await store.links.link(*ADA_THERE, f"WRONG{number}", f"job-{number}")
        assert tried is LinkResult.UNKNOWN
    for number in range(3):
        tried = await store.links.link(*ADA_THERE, code, f"late-{number}")
        assert tried is LinkResult.TOO_MANY_TRIES
    assert await store.links.link(*ADA_THERE, "WRONG", "job-9") is LinkResult.TOO_MANY_TRIES
    others = await store.links.create_code("telegram", "8")
    assert await store.links.link("discord", "8", others, "job-8") is LinkResult.LINKED, (
        "each has own"
    )
    await clock.sleep(CODES_KEPT.total_seconds())
    assert await join(store, ADA, ADA_THERE, "job-10") is LinkResult.LINKED


async def test_of_many_who_use_a_code_at_once_one_is_linked(store: Store) -> None:
    code = await store.links.create_code(*ADA)
    users = [("discord", str(n)) for n in range(8)]
    joins = (store.links.link(*user, code, f"job-{user[1]}") for user in users)
    outcomes = await asyncio.gather(*joins)
    assert Counter(outcomes) == {LinkResult.LINKED: 1, LinkResult.UNKNOWN: 7}
    linked = [user for user in users if await store.links.linked_platforms(*user)]
    assert [users[outcomes.index(LinkResult.LINKED)]] == linked


async def test_codes_differ_are_sealed_and_go(store: Store, tmp_path: Path, clock: Clock) -> None:
    codes = [await store.links.create_code("telegram", str(number)) for number in range(50)]
    assert len(set(codes)) == 50 and {len(code) for code in codes} == {8}
    held = read_stored(tmp_path)
    assert not [code for code in codes if code.encode() in held]
    assert await store.retention.purge(clock.now()) == 0
    assert await store.retention.purge(clock.now() + CODES_KEPT) == 50


@pytest.mark.sqlite_only
async def test_people_of_before_outlive_the_migration(database_url: str, tmp_path: Path) -> None:
    await migrate(database_url, None, "0004")
    row = "INSERT INTO people (platform, person_id, is_opted_out) VALUES ('telegram', '7', 1)"
    ask_database(tmp_path, row)
    await migrate(database_url, make_cipher(None, tmp_path))
    cipher = make_cipher(None, tmp_path)
    found = ask_database(tmp_path, "SELECT person_id, is_opted_out, identity FROM people")
    assert found == [(cipher.digest(b"person", "7"), 1, None)]
