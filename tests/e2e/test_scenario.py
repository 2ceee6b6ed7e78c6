"""One scenario on every platform, with one program: the same replies in each form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.notes import make_note, read_sound
from tests.chaos.running_program import PAGE, START_S, RunningProgram, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.scenario_people import NAMES, Answer, DiscordPerson, TelegramPerson, WebPerson

Person = TelegramPerson | DiscordPerson | WebPerson
Replies = dict[str, Answer]

MORNING, EVENING = "Good morning, {name}.", "Good evening, {name}."
#: The default voice, and one to choose.
OWN_VOICE, VOICE = "Mia", "Dean"
#: The transcript of every note, although each has other audio.
TRANSCRIPT = "We agreed on the blue tiles. Anna calls the plumber."
QUESTION, ANSWER = "What did they agree on?", "They agreed on the blue tiles."
FURTHER, FURTHER_ANSWER = "Who calls the plumber?", "Anna does."
NOTHING = "Forward messages to me, then send /summary."
WEB_KEPT = (
    "Your voice, style, language and links stay: /forget me everywhere deletes them, too, and all "
    "your chats.\nThis receipt and how much you have used are kept for a while: /privacy says how "
    "long."
)
WEB_NOTHING = "There is nothing to summarize yet: send a recording first."
#: On Discord a command in a text is a link that enters it.
_LINKED_COMMAND = re.compile(r"<(/\w+):\d+>")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


async def settle_one(program: RunningProgram, message_id: str) -> None:
    """Wait until the job of a message has ended."""
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
async def open_platforms(
    home: Path, mimo: MimoServer
) -> AsyncIterator[tuple[RunningProgram, list[Person]]]:
    """Run the program on every platform; yield it and one person on each."""
    async with (
        TelegramServer() as telegram,
        DiscordServer() as discord,
        RunningProgram(home, telegram, mimo) as program,
    ):
        program.settings["DISCORD_BOT_TOKEN"] = discord.token
        program.settings["DISCORD_API_BASE_URL"] = discord.api_base_url
        await program.start()
        await wait_for(lambda: bool(discord.commands()), START_S)
        found = await wait_for(lambda: PAGE.search(program.log), START_S)

        async def settle(message_id: str) -> None:
            await settle_one(program, message_id)

        web = WebPerson(found[0], settle)
        await web.open()
        yield program, [TelegramPerson(telegram, settle), DiscordPerson(discord, settle), web]
        await web.close()
        assert discord.pings() == [] and telegram.violations() == {}
        assert await program.stop() == 0


async def script_mimo(mimo: MimoServer) -> None:
    """Set the replies of the local MiMo."""
    for number in range(len(NAMES)):
        mimo.set_text(await read_sound(make_note(number)), TRANSCRIPT)
    mimo.add_answer(FURTHER_ANSWER, pattern=re.escape(FURTHER))
    mimo.add_answer(ANSWER, pattern=re.escape(QUESTION))


async def play(person: Person) -> Replies:
    """Run the scenario as one person; return the reply of each step."""
    note = await person.send_note(make_note(NAMES.index(person.name)))
    replies = {"note": note}
    replies["morning"] = await person.send_command("say", MORNING.format(name=person.name))
    replies["choice"] = await person.send_command("voice", VOICE)
    replies["evening"] = await person.send_command("say", EVENING.format(name=person.name))
    replies["answer"] = answer = await person.ask_about(note, QUESTION)
    replies["further"] = await person.reply_to(answer, FURTHER)
    replies["aloud"] = await person.press(answer, "Listen")
    replies["summary"] = await person.send_command("summary")
    replies["forgotten"] = await person.send_command("forget", "me")
    replies["after"] = await person.send_command("summary")
    return replies


def check(person: Person, replies: Replies, mimo: MimoServer) -> None:
    """Check the replies of one person."""
    spoken = [step for step, answer in replies.items() if answer.sound]
    assert spoken == ["morning", "evening", "aloud"]
    assert replies["note"].text == TRANSCRIPT
    assert VOICE in replies["choice"].text
    assert find_voices(mimo, MORNING.format(name=person.name)) == [OWN_VOICE]
    assert find_voices(mimo, EVENING.format(name=person.name)) == [VOICE]
    assert replies["answer"].text == ANSWER and "Listen" in replies["answer"].labels
    assert replies["further"].text == FURTHER_ANSWER
    assert "We agreed on the blue tiles." in replies["summary"].text
    assert replies["forgotten"].text.startswith("Deleted: ")
    nothing = WEB_NOTHING if isinstance(person, WebPerson) else NOTHING
    assert _LINKED_COMMAND.sub(r"\1", replies["after"].text) == nothing


def find_voices(mimo: MimoServer, text: str) -> list[str]:
    """Return the voices that synthesized a text, in order."""
    spoken = [call for call in mimo.billed if call.text == text and "tts" in call.model]
    return [str(call.body["audio"].get("voice", "")) for call in spoken]


def find_common(person: Person, replies: Replies) -> dict[str, tuple[str, list[str]]]:
    """Return text and buttons of each step, without names and times."""

    def make_neutral(text: str) -> str:
        name = rf"(?<!\w){re.escape(person.display_name)}(?!\w)"
        # Discord shows headings in bold, and times in the reader's own zone.
        text = re.sub(r"<t:\d+:f>", "MOMENT", _LINKED_COMMAND.sub(r"\1", text)).replace("**", "")
        text = text.replace("on Discord itself", "in the chat itself")
        text = text.replace("all servers", "all your chats").replace(
            "other channels", "other chats"
        )
        text = re.sub(name, "NAME", _MOMENT.sub("MOMENT", text))
        # The recordings of a page are files, whose speakers nobody knows.
        return re.sub(r", 1 person| \(NAME\)|NAME (?=\d:\d\d)", "", text)

    return {
        step: (make_neutral(one.text), [*map(make_neutral, one.labels)])
        for step, one in replies.items()
    }


@pytest.mark.real_time
async def test_every_platform_gets_the_same_replies(tmp_path: Path) -> None:
    async with MimoServer() as mimo, open_platforms(tmp_path / "home", mimo) as (program, people):
        await script_mimo(mimo)
        replies = await asyncio.gather(*(play(person) for person in people))
        for person, answers in zip(people, replies, strict=True):
            check(person, answers, mimo)
        telegram, discord, web = map(find_common, people, replies)
        assert telegram == discord
        # On the page people reply to ask, and edit the text in place; they cannot forward.
        text, labels = telegram["note"]
        differs = {"note": (text, [one for one in labels if one not in ("Ask", "Fix")])}
        deleted = telegram["forgotten"][0].partition("\n")[0]
        # What was uploaded there is stored.
        deleted = deleted.replace(", 1 reading position", ", 1 recording, 1 reading position")
        differs["forgotten"] = (f"{deleted}\n{WEB_KEPT}", [])
        assert web == telegram | differs | {"after": (WEB_NOTHING, [])}
        log = program.whole_log
        assert not [text for text in (TRANSCRIPT, QUESTION, ANSWER, "Good mor") if text in log]
