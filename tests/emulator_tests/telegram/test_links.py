"""Automatic entities and message links of the local Telegram."""

from __future__ import annotations

from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from tests.emulators.telegram import TelegramServer
from tests.emulators.telegram.links import find_links

LINKS = [
    ("see https://example.com/a?b=c now", "url", "https://example.com/a?b=c"),
    ("go to evil.com!", "url", "evil.com"),
    ("(sub.evil-site.co.uk/x)", "url", "sub.evil-site.co.uk/x)"),
    ("user:pw@evil.com:8080/x", "url", "user:pw@evil.com:8080/x"),
    ("пример.рф", "url", "пример.рф"),
    ("例子.中国", "url", "例子.中国"),
    ("xn--e1afmkfd.xn--p1ai", "url", "xn--e1afmkfd.xn--p1ai"),
    ("ftp://files.example.org", "url", "ftp://files.example.org"),
    ("tg://user?id=5", "url", "tg://user?id=5"),
    ("192.168.0.1/admin", "url", "192.168.0.1/admin"),
    ("ask @ann_lee, please", "mention", "@ann_lee"),
    ("press /stop@other_bot.", "bot_command", "/stop@other_bot"),
    ("very #今天 good", "hashtag", "#今天"),
    ("buy $TON", "cashtag", "$TON"),
    ("mail ann@example.com", "email", "ann@example.com"),
    ("call +1 (212) 555-0123", "phone_number", "+1 (212) 555-0123"),
]


@pytest.mark.parametrize(("text", "kind", "words"), LINKS)
def test_automatic_entities_are_detected(text: str, kind: str, words: str) -> None:
    assert (kind, words) in find_links(text)


@pytest.mark.parametrize(
    "text",
    [
        "We meet at 14:05, not at 2:14. #12 was first; 3/4 agreed. It costs $5.",
        "Mr.Smith said: no.Really. a.m. and p.m. are fine … 1.5 kg",
        "and/or, 24/7, C++, a@b, @, #, / and 2026-11-21 12:00:01 +5",
        "你好。再见！下午3.5点",
        "ann@example\u2060.\u2060com @\u2060ann /\u2060start #\u2060now",
        "https:\u2060//evil\u2060.com",
        "[…] evil. com",
    ],
)
def test_other_text_has_no_automatic_entities(text: str) -> None:
    assert find_links(text) == []


async def test_links_lead_to_existing_messages(telegram: TelegramServer) -> None:
    ann = telegram.add_user("Ann")
    forum, other = (telegram.add_chat(members={ann: "member"}) for _ in range(2))
    topic = telegram.add_topic(forum)
    said = telegram.send_text(forum, ann, "x", thread=topic)
    place = f"https://t.me/c/{-forum - 1_000_000_000_000}"
    for path in (f"{topic}/{said}", f"{said}"):
        found = telegram.follow_link(f"{place}/{path}")
        assert found is not None
        assert found.text == "x"
    assert telegram.follow_link(f"{place}/{topic + 5}/{said}") is None
    assert telegram.follow_link(f"{place}/99") is None
    assert telegram.follow_link(f"https://t.me/c/{-other}/{said}") is None
    assert telegram.follow_link("https://example.com/1") is None
    telegram.delete_message(forum, said)
    assert telegram.follow_link(f"{place}/{topic}/{said}") is None


async def test_foreign_links_exclude_links_to_own_messages(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann, eve = telegram.add_user("Ann"), telegram.add_user("Eve")
    group, other = telegram.add_chat(members={ann: "member"}), telegram.add_chat()
    said = {chat: telegram.send_text(chat, ann, "x") for chat in (group, other)}

    def link(chat: int) -> list[MessageEntity]:
        url = f"https://t.me/c/{-chat - 1_000_000_000_000}/{said[chat]}"
        return [MessageEntity("text_link", 0, 4, url)]

    async def found(chat: int, text: str, *allowed: str, **more: Any) -> list[str]:
        sent = await bot.send_message(chat, text, **more)
        return telegram.foreign_links(telegram.message(chat, sent.message_id), allowed)

    for near in (group, ann):
        assert await found(near, "here", entities=link(group)) == []
    assert len(await found(group, "here", entities=link(other))) == 1
    assert len(await found(eve, "here", entities=link(group))) == 1
    away = [MessageEntity("text_link", 0, 4, "https://evil.com")]
    assert await found(group, "here", entities=away) == ["text_link: https://evil.com"]
    assert await found(group, "evil.com", entities=link(group)) == ["url: evil.com"]
    assert await found(group, "evil.com", "evil.com") == []
    assert await found(ann, "😀 evil.com", entities=[MessageEntity("code", 3, 8)]) == []
    # A text_link with an invalid URL is dropped.
    assert await found(ann, "here", entities=[MessageEntity("text_link", 0, 4, "nowhere")]) == []
    keys = [InlineKeyboardButton("a", url="https://t.me/hearsay_test_bot?start=x")]
    keys.append(InlineKeyboardButton("b", url="https://evil.com"))
    pressed = await found(ann, "x", reply_markup=InlineKeyboardMarkup([keys]))
    assert pressed == ["button: https://evil.com"]
