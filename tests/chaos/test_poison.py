"""One note that always fails, among many: it ends as a dead letter and holds nobody up."""

from __future__ import annotations

import re

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number, read_sound
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.contract import Refusal
from tests.emulators.telegram import Message, TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 100 if IS_LONG else 8
HASTE = 10.0


class Poison(str):
    """What a sound says that the service cannot stand."""

    __slots__ = ()


class PoisonedTexts(dict[str, str]):
    """Texts of sounds, some of which make the model fail."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        found = super().get(key, default)
        if isinstance(found, Poison):
            self.failed += 1
            raise Refusal(500, {"code": 500, "message": "Internal Server Error"})
        return found


async def test_a_note_that_always_fails(
    bot: Bot, telegram: TelegramServer, mimo: MimoServer
) -> None:
    texts = mimo._world.texts = PoisonedTexts()
    sounds = await make_notes(range(1, NOTES + 1))
    mimo.set_text(await read_sound(sounds[7]), Poison("poison"))
    notes = {}
    for number, sound in sounds.items():
        person = telegram.add_user(f"Person {number}")
        notes[number] = person, telegram.send_voice(person, person, sound, duration=2)
    await bot.start(haste=HASTE)
    states = await bot.settle(NOTES)
    add_table(
        f"a poison note among {NOTES}", ("its attempts", "jobs"), [(texts.failed, dict(states))]
    )
    assert states == {"done": NOTES - 1, "dead": 1}
    assert texts.failed <= 5
    for number, (person, message) in notes.items():
        [answer] = telegram.answers_to(person, message)
        assert read_number(answer.text) == (None if number == 7 else number)
    [told] = telegram.answers(notes[7][0])
    await check_list(bot, told)

    person = notes[7][0]
    if IS_LONG:
        await check_still_poison(bot, texts, person)
        [told] = telegram.answers(person)
    texts.clear()
    telegram.press_button(person, person, told.message_id, "Retry")
    await wait_for(lambda: bot.states()["dead"] == 0, 10)
    assert set(await bot.settle(NOTES + 1)) == {"done"}
    [answer] = telegram.answers(person)
    assert read_number(answer.text) == 7
    assert "Retry" not in str(answer.buttons)


async def check_still_poison(bot: Bot, texts: PoisonedTexts, person: int) -> None:
    """Retry fails again: told once more, in the same place."""
    [told] = bot.telegram.answers(person)
    press = bot.telegram.press_button(person, person, told.message_id, "Retry")
    await wait_for(lambda: texts.failed >= 10 and bot.states()["dead"] == 1, 90)
    await wait_for(lambda: bot.telegram.callback_answer(press) is not None, 5)
    [told] = bot.telegram.answers(person)
    assert told.labels == ["Retry"]


async def check_list(bot: Bot, told: Message) -> None:
    """The operator sees the reference that the person was shown."""
    [reference] = re.findall(r"\b[0-9a-f]{10}\b", told.text)
    assert told.labels == ["Retry"]
    listed = await bot.command("jobs", "list")
    assert re.search(rf"^\s*{reference} +dead +transcribe .* 5 ", listed, re.MULTILINE), listed
