"""One story on every platform, with one program: the same results, in the platform's own form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.bot import PAGE, START_S, Bot, wait_for
from tests.chaos.notes import make_note, read_sound
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.scenario_people import NAMES, Answer, OnDiscord, OnTelegram, OnWeb

Person = OnTelegram | OnDiscord | OnWeb
ToldSummary = dict[str, Answer]

MORNING, EVENING = "Good morning, {name}.", "Good evening, {name}."
#: The voice that is used unless somebody chooses, and one that can be chosen.
OWN_VOICE, VOICE = "Mia", "Dean"
#: What is heard in every note: no two people record the same sound.
TRANSCRIPT = "We agreed on the blue tiles. Anna calls the plumber."
QUESTION, ANSWER = "What did they agree on?", "They agreed on the blue tiles."
FURTHER, FURTHER_ANSWER = "Who calls the plumber?", "Anna does."
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


async def settle_one(program: Bot, message_id: str) -> None:
    """Wait until the job of a message has ended, and not badly."""
    query = (
        "select jobs.state from messages join jobs using (message_pk) "
        f"where messages.message_id = '{message_id}'"
    )

    def has_ended() -> bool:
        states = {state for (state,) in program.rows(query)}
        return bool(states) and not states & {"waiting", "running"}

    try:
        await wait_for(has_ended, 60)
    except TimeoutError:
        raise AssertionError(f"{message_id}\n{program.log[-6000:]}") from None


@asynccontextmanager
async def open_town(home: Path, mimo: MimoServer) -> AsyncIterator[tuple[Bot, list[Person]]]:
    """Let the program run with every platform switched on, and people find it."""
    async with (
        TelegramServer() as telegram,
        DiscordServer() as discord,
        Bot(home, telegram, mimo) as program,
    ):
        program.settings["DISCORD_BOT_TOKEN"] = discord.token
        program.settings["DISCORD_API_BASE_URL"] = discord.api_base_url
        await program.start()
        await wait_for(lambda: bool(discord.commands()), START_S)
        found = await wait_for(lambda: PAGE.search(program.log), START_S)

        async def settle(message_id: str) -> None:
            await settle_one(program, message_id)

        web = OnWeb(found[0], settle)
        await web.open()
        yield program, [OnTelegram(telegram, settle), OnDiscord(discord, settle), web]
        await web.close()
        assert discord.pings() == [] and telegram.violations() == {}
        assert await program.stop() == 0


async def teach(mimo: MimoServer) -> None:
    """Tell the local MiMo what to say in the story."""
    for number in range(len(NAMES)):
        mimo.set_text(await read_sound(make_note(number)), TRANSCRIPT)
    mimo.add_answer(FURTHER_ANSWER, pattern=re.escape(FURTHER))
    mimo.add_answer(ANSWER, pattern=re.escape(QUESTION))


async def tell(person: Person) -> ToldSummary:
    """Let a person live the story; return what was answered, step by step."""
    note = await person.send_note(make_note(NAMES.index(person.name)))
    told = {"note": note}
    told["morning"] = await person.give("say", MORNING.format(name=person.name))
    told["choice"] = await person.give("voice", VOICE)
    told["evening"] = await person.give("say", EVENING.format(name=person.name))
    told["answer"] = answer = await person.ask_about(note, QUESTION)
    told["further"] = await person.follow(answer, FURTHER)
    told["aloud"] = await person.press(answer, "Listen")
    told["summary"] = await person.give("summary")
    told["forgotten"] = await person.give("forget", "me")
    told["after"] = await person.give("summary")
    return told


def check(person: Person, told: ToldSummary, mimo: MimoServer) -> None:
    """See that the story went as it should."""
    spoken = [step for step, answer in told.items() if answer.sound]
    assert spoken == ["morning", "evening", "aloud"]
    assert told["note"].text == TRANSCRIPT
    assert VOICE in told["choice"].text
    assert find_voices(mimo, MORNING.format(name=person.name)) == [OWN_VOICE]
    assert find_voices(mimo, EVENING.format(name=person.name)) == [VOICE]
    assert told["answer"].text == ANSWER and "Listen" in told["answer"].labels
    assert told["further"].text == FURTHER_ANSWER
    assert "We agreed on the blue tiles." in told["summary"].text
    assert told["forgotten"].text.startswith("Deleted: ")
    assert told["after"].text == "Forward messages to me, then send /summary."


def find_voices(mimo: MimoServer, text: str) -> list[str]:
    """Return the voices with which a text was spoken, in order."""
    spoken = [call for call in mimo.billed if call.text == text and "tts" in call.model]
    return [str(call.body["audio"].get("voice", "")) for call in spoken]


def find_common(person: Person, told: ToldSummary) -> dict[str, tuple[str, list[str]]]:
    """Return what must be the same for everybody: text and buttons."""

    def make_neutral(text: str) -> str:
        name = rf"(?<!\w){re.escape(person.known_as)}(?!\w)"
        return re.sub(name, "NAME", _MOMENT.sub("MOMENT", text))

    return {
        step: (make_neutral(one.text), [*map(make_neutral, one.labels)])
        for step, one in told.items()
    }


@pytest.mark.real_time
async def test_everybody_is_told_the_same(tmp_path: Path) -> None:
    async with MimoServer() as mimo, open_town(tmp_path / "home", mimo) as (program, people):
        await teach(mimo)
        told = await asyncio.gather(*(tell(person) for person in people))
        for person, answers in zip(people, told, strict=True):
            check(person, answers, mimo)
        telegram, discord, web = map(find_common, people, told)
        assert telegram == discord
        # A page asks by answering: it needs no button for that.
        text, labels = telegram["note"]
        assert web == telegram | {"note": (text, [one for one in labels if one != "Ask"])}
        log = program.whole_log
        assert not [said for said in (TRANSCRIPT, QUESTION, ANSWER, "Good mor") if said in log]
