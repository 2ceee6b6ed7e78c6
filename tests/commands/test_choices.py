"""Words that are typed after commands: in the reader's language, and who may use them."""

from __future__ import annotations

import pytest

from bots.discord_bot.interactions.menu import build_menu
from core.commands import menu
from core.commands.arguments import CHOICES, name_choice, read_word
from core.locale import LANGUAGES
from core.models import RepliesMode
from tests.commands.conftest import Talk
from tests.support.group_talk import ADA, Group

#: What is typed in each language -> what of the reply shows that it was understood.
CHINESE = {
    "auto 开": "都会自动转写", "auto 关": "即可转写", "think 开": "思考模式已开启",
    "replies 总是": "每条回复", "replies 自动": "语音消息会", "replies 关": "只用文字",
    "remember 开": "7 天", "remember 30天": "30 天", "remember 我 关": "你已选择不保存",
    "remember 我 开": "你已恢复保存", "remember 关": "聊天记录已关闭",
    "language 我 中文": "你的语言：中文", "language 我 自动": "所有聊天",
    "language 自动": "自动识别", "style 聊天 温暖": "温暖", "style 关": "已取消",
    "voice 关": "已重置你的声音", "voice 列表": "还没有保存的声音", "voice 聊天 关": "本聊天的声音",
    "forget 我": "已删除", "digest 关": "已关闭", "glossary 删除 7": "没有第 7 条更正",
    "cancel 全部": "没有可以取消",
}  # fmt: skip
RUSSIAN = {
    "auto вкл": "расшифровывается каждое", "auto выкл": "ответьте на него",
    "think вкл": "Режим размышления включён", "replies всегда": "ещё и голосовым",
    "replies Авто": "отвечаю голосом", "replies выкл": "только текстом",
    "remember вкл": "хранятся 7 дней", "remember 2 дня": "хранятся 2 дня",
    "remember 31д": "хранятся 31 день", "remember я выкл": "Вы отказались от хранения",
    "remember я вкл": "Хранение снова включено", "remember выкл": "не ведётся",
    "language я русский": "Ваш язык: русский", "language я авто": "собственный язык",
    "language немецкий": "Язык: немецкий", "language авто": "определяется автоматически",
    "style чат тепло": "тепло", "style выкл": "Стиль убран",
    "voice выкл": "Ваш голос сброшен", "voice список": "Сохранённых голосов пока нет",
    "voice чат выкл": "Голос этого чата", "forget я": "Удалено", "digest выкл": "выключены",
    "glossary удалить 7": "Исправления 7 нет", "cancel все": "Отменять нечего",
}  # fmt: skip
TYPED = {"zh": CHINESE, "ru": RUSSIAN}
#: Changes of what holds for a whole chat.
FOR_ADMINS = (
    "auto on", "think on", "replies off", "digest off", "remember on", "remember off",
    "remember 30d", "remember 开", "language German", "language chat auto", "language 聊天 自动",
    "style chat warm", "style 聊天 off", "voice chat Mia", "voice chat off", "voice 聊天 关",
    "voice keep A a calm woman",
)  # fmt: skip
FOR_ALL = (
    "auto", "think", "replies", "digest", "remember", "remember me off", "remember 我 开",
    "language", "language me German", "language me", "style warm", "style chat", "voice Mia",
    "voice off", "voice list", "glossary", "glossary remove 1",
)  # fmt: skip


@pytest.mark.finding(19)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_choices_are_understood_in_every_language(group: Group, language: str) -> None:
    for typed, shown in TYPED.get(language, {}).items():
        assert shown in (await group.ask(typed, ADA, language=language)).text, typed


@pytest.mark.finding(19)
async def test_a_choice_that_does_not_exist_is_refused_in_the_readers_words(talk: Talk) -> None:
    reply = await talk.send(command="replies", text="也许", language="zh")
    assert reply.text == "请从中选择：关、自动、总是"
    reply = await talk.send(command="replies", text="maybe")
    assert reply.text == "Choose one of: off, auto, always"
    await talk.send(command="replies", text="ALWAYS", language="zh")
    chat = talk.new().chat
    assert (await talk.loopback.store.chats.settings(chat)).replies is RepliesMode.ALWAYS


@pytest.mark.finding(19)
async def test_help_shows_what_can_be_typed_in_the_readers_language(talk: Talk) -> None:
    text = (await talk.send(command="help", language="ru")).text
    assert "/auto вкл | выкл – " in text
    text = (await talk.send(command="help", language="zh")).text
    assert "/auto 开 | 关 – " in text and "/mode 转写 | 提问 | 两者 – " in text
    lines = [line.partition(" – ")[0] for line in text.splitlines() if line.startswith("/")]
    assert len(lines) == len(menu())
    assert [line for line in lines if line.rpartition(" ")[2] in ("on", "off", "auto")] == []


@pytest.mark.finding(19)
def test_discord_names_choices_in_each_language_and_keeps_their_values() -> None:
    choices = [
        choice
        for command in build_menu()
        for option in command.get("options", [])
        for choice in option.get("choices", [])
    ]
    named = {choice["value"]: choice["name_localizations"]["zh-CN"] for choice in choices}
    assert (named["on"], named["auto"], named["both"]) == ("开", "自动", "两者")
    assert all(read_word(name) == value or value == "chat" for value, name in named.items())


def test_every_choice_of_the_table_has_a_name_of_its_own() -> None:
    used = {c for _, one in menu(has_voice=True) for a in one.arguments for c in a.choices}
    assert used <= CHOICES.keys()
    for choice in CHOICES:
        assert name_choice(choice, "en") == choice


async def test_what_holds_for_the_chat_is_for_admins_and_the_rest_for_all(group: Group) -> None:
    group.loopback.platform.can_administer = False
    for typed in FOR_ADMINS:
        assert "Only the admins" in (await group.ask(typed, ADA, language="en")).text, typed
    for typed in FOR_ALL:
        assert "Only the admins" not in (await group.ask(typed, ADA, language="en")).text, typed
