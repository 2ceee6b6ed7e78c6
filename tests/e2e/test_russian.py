"""A conversation in Russian with the running program, as Telegram's app in Russian leads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chaos.notes import make_note, read_sound
from tests.chaos.running_program import RunningProgram, wait_for
from tests.e2e.test_scenario import settle_one
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.scenario_people import TelegramPerson

TRANSCRIPT = "Мы выбрали синюю плитку. Анна звонит сантехнику."
#: What Russian replies may have of Latin letters: names, commands and languages.
_LATIN = re.compile(r"/\w+|Hearsay|Ann|Mia|Europe/Moscow|USD|[A-Z]{2,}")


@pytest.mark.real_time
async def test_a_conversation_in_russian(tmp_path: Path) -> None:
    async with (
        MimoServer() as mimo,
        TelegramServer() as telegram,
        RunningProgram(tmp_path / "home", telegram, mimo) as program,
    ):
        mimo.set_text(await read_sound(make_note(0)), TRANSCRIPT)
        await program.start()
        person = TelegramPerson(telegram, lambda sent: settle_one(program, sent), language="ru")
        start = await person.send_command("start")
        note = await person.send_note(make_note(0))
        help_ = await person.send_command("help")
        summary = await person.send_command("summary", "последние 2 ч кратко")
        days = await person.send_command("replies", "может быть")
        await wait_for(lambda: any(key.endswith("|ru") for key in telegram.menus()), 20)
        menu = next(one for key, one in telegram.menus().items() if key.endswith("|ru"))
    assert start.text.startswith("Привет! Я Hearsay, ИИ-помощник для голосовых сообщений.")
    assert note.text == TRANSCRIPT and "Спросить" in note.labels
    assert "/auto вкл | выкл – Расшифровывать здесь" in help_.text
    assert "1 голосовое сообщение, 1 человек" in summary.text and "плитку" in summary.text
    assert days.text == "Выберите одно из: выкл, авто, всегда"
    # The local model has written the summary.
    replies = [start, note, help_, days]
    shown = [one.text for one in replies] + [label for one in replies for label in one.labels]
    shown += [str(entry["description"]) for entry in menu]
    english = [text for text in shown if re.search(r"[A-Za-z]{3,}", _LATIN.sub("", text))]
    assert english == [], "all of it is in Russian"
