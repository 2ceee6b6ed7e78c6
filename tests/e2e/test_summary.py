"""/summary in a forum: the whole program between a virtual Telegram and a local MiMo."""

from __future__ import annotations

import re

import pytest

from tests.chaos.bot import Bot
from tests.chaos.notes import make_note
from tests.emulators.mimo.world import Call
from tests.emulators.telegram import Message

_PLACE = re.compile(r"https://t\.me/c/\d+/(?:(\d+)/)?(\d+)")


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]


class Forum:
    """A forum whose owner lets its talk be remembered."""

    def __init__(self, bot: Bot) -> None:
        telegram = bot.telegram
        self.bot, self.telegram = bot, telegram
        self.anna, self.ben = telegram.add_user("Anna"), telegram.add_user("Ben")
        members = {self.anna: "creator", self.ben: "member"}
        self.chat = telegram.add_chat(members=members, bot_status="administrator")
        self.topic = telegram.add_topic(self.chat, "Kitchen")
        self.jobs = bot.states().total()
        self._before = len(bot.mimo.calls)

    @property
    def calls(self) -> list[Call]:
        """The calls of MiMo that came of it."""
        return self.bot.mimo.calls[self._before :]

    async def ask(self, text: str, user: int = 0, chat: int = 0) -> Message:
        """Let somebody send a command in General and return the bot's last message."""
        self.telegram.send_command(chat or self.chat, user or self.anna, text)
        return await self.settle(chat)

    async def settle(self, chat: int = 0) -> Message:
        await self.settle_note()
        return self.telegram.answers(chat or self.chat)[-1]

    async def talk(self) -> dict[int, str]:
        """Let people speak of the kitchen; return the messages by id."""
        said = (
            (self.anna, "The old tiles are broken."),
            (self.ben, "We agreed on the blue tiles, see evil.example/tiles"),
            (self.anna, "I will call the plumber on Monday."),
            (self.ben, "Who has the key?"),
        )
        found = {
            self.telegram.send_text(self.chat, user, text, thread=self.topic): text
            for user, text in said
        }
        note = self.telegram.send_voice(
            self.chat, self.ben, make_note(7), duration=2, thread=self.topic
        )
        await self.settle_note()
        return {**found, note: "w7"}

    async def settle_note(self) -> None:
        self.jobs += 1
        await self.bot.settle(self.jobs, 60)

    def places(self, message: Message) -> list[tuple[str, int, int]]:
        """Return the links of a message: their words, topic and message id."""
        found = []
        for entity in message.entities:
            if entity["type"] == "text_link":
                match = _PLACE.fullmatch(entity["url"])
                assert match, entity["url"]
                words = message.text.encode("utf-16-le")
                start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
                shown = words[start:end].decode("utf-16-le")
                found.append((shown, int(match[1] or 0), int(match[2])))
        return found


@pytest.fixture
def forum(bot: Bot) -> Forum:
    return Forum(bot)


async def test_a_summary_leads_to_what_was_said(forum: Forum) -> None:
    assert "/remember on" in (await forum.ask("/summary")).text
    await forum.ask("/remember on")
    said = await forum.talk()
    answer = await forum.ask("/summary last 2h")
    places = forum.places(answer)
    assert places and {place[2] for place in places} <= set(said)
    assert {place[1] for place in places} == {forum.topic}
    assert next(shown for shown, _, message_id in places if said[message_id] == "w7") == "Ben 0:00"
    for words in ("Decisions", "To do", "Open questions", "Who has the key?"):
        assert words in answer.text
    assert "evil.example/tiles" not in answer.text
    assert {entity["type"] for entity in answer.entities} <= {
        "text_link",
        "bold",
        "expandable_blockquote",
    }
    assert len([call for call in forum.calls if call.question]) == 1

    label = next(label for label in answer.labels if label.startswith("▶"))
    forum.telegram.press_button(forum.chat, forum.ben, answer.message_id, label)
    played = await forum.settle()
    assert played.file and played.file.kind == "voice"


async def test_a_private_copy_comes_by_a_link_and_to_one_person(forum: Forum) -> None:
    await forum.ask("/remember on")
    said = await forum.talk()
    offer = await forum.ask("/summary me 2h")
    [[button]] = offer.buttons
    assert not forum.places(offer)
    forum.telegram.open_link(forum.ben, button["url"])
    refused = await forum.settle(forum.ben)
    assert not forum.places(refused) and "blue tiles" not in refused.text
    forum.telegram.open_link(forum.anna, button["url"])
    answer = await forum.settle(forum.anna)
    assert "blue tiles" in answer.text
    assert {place[2] for place in forum.places(answer)} <= set(said)
    assert "Nothing was said" in (await forum.ask("/summary unread")).text
