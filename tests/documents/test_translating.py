"""The guide for translators does what it promises when it is followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents.recipes import copy_checkout, read_recipe, run
from tests.support.paths import ROOT

GUIDE = "docs/translating.md"
#: What is translated in the catalogue, and in the words of the page.
TEXTS = {
    'msgid "Help"\nmsgstr ""': 'msgid "Help"\nmsgstr "Ayuda"',
    'msgid "transcribe"\nmsgstr ""': 'msgid "transcribe"\nmsgstr "transcribir"',
    'msgid_plural "{count} days"\nmsgstr[0] ""\nmsgstr[1] ""': 'msgid_plural "{count} days"\n'
    'msgstr[0] "{count} día"\nmsgstr[1] "{count} días"',
}
WORDS = {'lang = "en"': 'lang = "es"', '"New chat"': '"Nuevo chat"', '"Settings"': '"Ajustes"'}
SHOW = """
from bots.discord_bot.interactions.menu import build_menu
from bots.telegram_bot.menu import build_commands
from core.locale import LANGUAGES, Plural, translate

print(LANGUAGES, translate("Help", "es-MX"), translate("Cancel", "es-MX"))
print(*(translate(Plural("{count} day", "{count} days", n), "es") for n in (0, 1, 2)))
print(build_menu()[0]["name_localizations"], build_commands([("help", "Help")], "es"))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path)


def replace(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text()
    for before, after in changes.items():
        assert text.count(before) >= 1, before
        text = text.replace(before, after)
    path.write_text(text)


def test_a_language_is_one_catalogue_one_file_and_one_word(copy: Path) -> None:
    for step in read_recipe("Add a language", GUIDE):
        step.apply(copy)
    assert "es: " in run(copy, "python", "-m", "core.locale.collect")
    replace(copy / "core/locale/es/hearsay.po", TEXTS)
    [copied] = re.findall(r"cd (\S+) && cp en.js es.js", (ROOT / GUIDE).read_text())
    (copy / copied / "es.js").write_text((copy / copied / "en.js").read_text())
    replace(copy / copied / "es.js", WORDS)

    said = run(copy, "python", "-c", SHOW)
    # What is not translated yet is English.
    assert "('es', 'ru', 'zh') Ayuda Cancel\n0 días 1 día 2 días\n" in said
    assert "'es-419': 'transcribir'" in said and "Ayuda" in said.splitlines()[-1]
    tests = ("tests/locale/test_page_words.py", "tests/web_chat/test_server.py")
    chosen = ("-k", "page_words or light", "-p", "no:cacheprovider")
    assert " passed" in run(copy, "python", "-m", "pytest", "-q", *chosen, *tests)
    texts = ("tests/locale/test_catalogues.py", "-k", "translated and es")
    with pytest.raises(AssertionError, match=r"translate these in core/locale/es/hearsay\.po"):
        run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *texts)


def test_collecting_texts_again_changes_nothing(copy: Path) -> None:
    """Whoever adds one text sees the change of that text alone."""
    assert run(copy, "python", "-m", "core.locale.collect").count(" 0 to be translated") > 1
    for path in (ROOT / "core" / "locale").glob("*/hearsay.po"):
        assert (copy / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
