"""The guide for translators does what it promises when it is followed to the letter."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.documents.blocks import Block
from tests.documents.recipes import copy_checkout, read_steps, run
from tests.support.paths import ROOT

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


def follow_line(copy: Path, line: str) -> str:
    """Run a line of the guide in the copy; `make` makes no environment there."""
    target = re.sub(r"^make ", "", line)
    recipe = re.findall(rf"(?m)^{target}:.*\n\t\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text())
    words = recipe[0] if recipe else line.removeprefix(".venv/bin/")
    assert recipe or line.startswith(".venv/bin/"), line
    return run(copy, *shlex.split(words))


def test_a_language_is_one_catalogue_one_file_and_one_word(copy: Path, blocks: list[Block]) -> None:
    table, makes, checks = blocks
    for step in read_steps([table]):
        step.apply(copy)
    texts, words = makes.commands
    assert "es: " in follow_line(copy, texts)
    replace(copy / "core/locale/es/hearsay.po", TEXTS)
    subprocess.run(["sh", "-ec", words], cwd=copy, check=True)
    replace(copy / words.split()[1] / "es.js", WORDS)

    said = run(copy, "python", "-c", SHOW)
    # What is not translated yet is English.
    assert "('es', 'ru', 'zh') Ayuda Cancel\n0 días 1 día 2 días\n" in said
    assert "'es-419': 'transcribir'" in said and "Ayuda" in said.splitlines()[-1]
    tests = ("tests/locale/test_page_words.py", "tests/web_chat/test_server.py")
    chosen = ("-k", "page_words or light", "-p", "no:cacheprovider")
    assert " passed" in run(copy, "python", "-m", "pytest", "-q", *chosen, *tests)
    # Of what the guide runs this part tells what is missing.
    [line] = checks.commands
    with pytest.raises(AssertionError, match=r"translate these in core/locale/es/hearsay\.po"):
        follow_line(copy, f"{line} -q -p no:cacheprovider -k 'translated and es'")


def test_the_example_is_an_entry_of_the_catalogue(blocks: list[Block]) -> None:
    [block] = blocks
    assert f"\n{block.text}" in (ROOT / "core" / "locale" / "ru" / "hearsay.po").read_text()


def test_collecting_texts_again_changes_nothing(copy: Path) -> None:
    """Whoever adds one text sees the change of that text alone."""
    assert run(copy, "python", "-m", "core.locale.collect").count(" 0 to be translated") > 1
    for path in (ROOT / "core" / "locale").glob("*/hearsay.po"):
        assert (copy / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
