"""The virtual Telegram finds what a real one makes a link of, and where links lead."""

from __future__ import annotations

from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import BadRequest

from core.prompts.safety import defuse
from tests.emulators.telegram import TelegramServer
from tests.emulators.telegram.client import build_bot
from tests.emulators.telegram.links import find_links

LINKS = [
    ("see https://example.com/a?b=c now", "url", "https://example.com/a?b=c"),
    ("HTTP://EXAMPLE.COM", "url", "HTTP://EXAMPLE.COM"),
    ("go to evil.com!", "url", "evil.com"),
    ("(sub.evil-site.co.uk/x)", "url", "sub.evil-site.co.uk/x)"),
    ("t.me/evil_bot", "url", "t.me/evil_bot"),
    ("user:pw@evil.com:8080/x", "url", "user:pw@evil.com:8080/x"),
    ("пример.рф", "url", "пример.рф"),
    ("例子.中国", "url", "例子.中国"),
    ("xn--e1afmkfd.xn--p1ai", "url", "xn--e1afmkfd.xn--p1ai"),
    ("ftp://files.example.org", "url", "ftp://files.example.org"),
    ("tg://user?id=5", "url", "tg://user?id=5"),
    ("192.168.0.1/admin", "url", "192.168.0.1/admin"),
    ("ask @ann_lee, please", "mention", "@ann_lee"),
    ("(@gif)", "mention", "@gif"),
    ("/start", "bot_command", "/start"),
    ("press /stop@other_bot.", "bot_command", "/stop@other_bot"),
    ("#now", "hashtag", "#now"),
    ("very #今天 good", "hashtag", "#今天"),
    ("buy $TON", "cashtag", "$TON"),
    ("mail ann@example.com", "email", "ann@example.com"),
    ("call +1 (212) 555-0123", "phone_number", "+1 (212) 555-0123"),
    ("call +8613800138000!", "phone_number", "+8613800138000"),
]


@pytest.mark.parametrize(("text", "kind", "words"), LINKS)
def test_what_clients_make_a_link_of_is_found(text: str, kind: str, words: str) -> None:
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
def test_what_is_no_link_is_not_found(text: str) -> None:
    assert find_links(text) == []


@pytest.mark.parametrize("text", ["evil.com/x", "https://evil.com", "@ann_lee", "/start", "#now"])
def test_defused_text_has_no_links(text: str) -> None:
    assert find_links(text)
    assert find_links(defuse(text, known=text)) == []
    assert find_links(defuse(text)) == []


async def send(bot: Bot, chat: int, text: str, **more: Any) -> int:
    return (await bot.send_message(chat, text, **more)).message_id


async def test_links_lead_to_messages_that_are_there(telegram: TelegramServer) -> None:
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


async def test_foreign_links_are_told_from_near_ones(telegram: TelegramServer) -> None:
    ann, eve = telegram.add_user("Ann"), telegram.add_user("Eve")
    group, other = telegram.add_chat(members={ann: "member"}), telegram.add_chat()
    said = {chat: telegram.send_text(chat, ann, "x") for chat in (group, other)}

    def link(chat: int) -> list[MessageEntity]:
        url = f"https://t.me/c/{-chat - 1_000_000_000_000}/{said[chat]}"
        return [MessageEntity("text_link", 0, 4, url)]

    async with build_bot(telegram) as bot:
        near = [await send(bot, chat, "here", entities=link(group)) for chat in (group, ann)]
        far = [
            (group, await send(bot, group, "here", entities=link(other))),
            (eve, await send(bot, eve, "here", entities=link(group))),
            (group, await send(bot, group, "here",
                               entities=[MessageEntity("text_link", 0, 4, "https://evil.com")])),
            (group, await send(bot, group, "evil.com", entities=link(group))),
        ]  # fmt: skip
        coded = await send(bot, ann, "😀 evil.com", entities=[MessageEntity("code", 3, 8)])
        keys = [InlineKeyboardButton("a", url="https://t.me/hearsay_test_bot?start=x")]
        keys.append(InlineKeyboardButton("b", url="https://evil.com"))
        pressed = await send(bot, ann, "x", reply_markup=InlineKeyboardMarkup([keys]))
    assert telegram.foreign_links(telegram.message(group, near[0])) == []
    assert telegram.foreign_links(telegram.message(ann, near[1])) == []
    assert telegram.foreign_links(telegram.message(ann, coded)) == []
    assert all(len(telegram.foreign_links(telegram.message(*place))) == 1 for place in far)
    assert telegram.foreign_links(telegram.message(ann, pressed)) == ["button: https://evil.com"]
    last = telegram.message(*far[-1])
    assert telegram.foreign_links(last) == ["url: evil.com"]
    assert telegram.foreign_links(last, allowed=["evil.com"]) == []


async def test_a_link_without_an_address_is_only_words(telegram: TelegramServer) -> None:
    ann = telegram.add_user("Ann")
    async with build_bot(telegram) as bot:
        sent = await send(bot, ann, "here", entities=[MessageEntity("text_link", 0, 4, "nowhere")])
    assert telegram.message(ann, sent).entities == []


async def test_a_deep_link_is_start_with_its_parameter(telegram: TelegramServer) -> None:
    ann = telegram.add_user("Ann")
    sent = telegram.open_link(ann, "https://t.me/hearsay_test_bot?start=abc_-1")
    message = telegram.message(ann, sent)
    assert message.text == "/start abc_-1"
    assert message.entities == [{"type": "bot_command", "offset": 0, "length": 6}]
    with pytest.raises(ValueError, match="other_bot"):
        telegram.open_link(ann, "https://t.me/other_bot?start=abc")


async def test_a_button_without_an_address_is_refused(telegram: TelegramServer) -> None:
    ann = telegram.add_user("Ann")
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("a", url="nowhere")]])
    async with build_bot(telegram) as bot:
        with pytest.raises(BadRequest, match=r"(?i)button_url_invalid"):
            await send(bot, ann, "x", reply_markup=markup)
