"""Collects the texts that people see and merges them into the catalogues: `make texts`.

Babel's own extractor finds calls only; this one also finds the texts of errors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

from core import errors
from core.errors import EngineRefused, UserError
from core.locale import LANGUAGES

#: A text; or its singular and plural.
Text = str | tuple[str, str]
#: Functions whose first argument is a text.
_CALLS = {"mark", "translate"}
#: Methods whose first argument is a text.
_METHODS = {"text"}
#: Attributes of errors that are texts, and the keyword argument of EngineRefused that is one.
_ATTRIBUTES = {"user_text", "no_reason"}
_KEYWORD = "reason"
_ROOT = Path(__file__).parents[2]
#: Without dates and names: a catalogue changes only with its texts.
_HEAD = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def collect(folder: Path = _ROOT) -> dict[Text, list[str]]:
    """Return every text in `bots` and `core` with the files that contain it."""
    found: dict[Text, list[str]] = {}
    for path in sorted(p for name in ("bots", "core") for p in (folder / name).rglob("*.py")):
        place = path.relative_to(folder).as_posix()
        for text in find_texts(path.read_text(encoding="utf-8")):
            places = found.setdefault(text, [])
            if place not in places:
                places.append(place)
    return found


def find_texts(source: str) -> Iterator[Text]:
    """Yield the texts in one file's source, repeats included."""
    for node in ast.walk(ast.parse(source)):
        value = _find_value(node)
        match node:
            case ast.Call(ast.Name("Plural"), [ast.Constant(str(one)), ast.Constant(str(many)), _]):
                yield one, many
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            yield value.value


def _find_value(node: ast.AST) -> ast.expr | None:
    """Return the node of the text if `node` may contain one."""
    if isinstance(node, ast.Call) and node.args and _takes_text(node.func):
        return node.args[0]
    if isinstance(node, ast.Call) and _names_error(node.func, EngineRefused):
        return next((one.value for one in node.keywords if one.arg == _KEYWORD), None)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        return node.value if names & _ATTRIBUTES else None
    return None


def _takes_text(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in _METHODS
    is_call = isinstance(function, ast.Name) and function.id in _CALLS
    return is_call or _names_error(function, UserError)


def _names_error(function: ast.expr, base: type[Exception]) -> bool:
    kind = getattr(errors, function.id, None) if isinstance(function, ast.Name) else None
    return isinstance(kind, type) and issubclass(kind, base)


def main() -> None:
    """Add new texts to every catalogue and remove unused ones."""
    found = collect()
    for language in LANGUAGES:
        path = Path(__file__).parent / language / "hearsay.po"
        known = _read(path)
        catalogue = Catalog(language)
        for text, places in found.items():
            catalogue.add(text, known.get(text, ""), locations=[(place, 0) for place in places])
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            head = _HEAD.format(language=language, plural_forms=catalogue.plural_forms)
            file.write(head.encode())
            write_po(file, catalogue, width=100, omit_header=True, include_lineno=False)
        missing = sum(not _is_translated(known.get(text, ""), catalogue) for text in found)
        print(f"{language}: {len(found)} texts, {missing} to be translated")


def _is_translated(forms: str | tuple[str, ...], catalogue: Catalog) -> bool:
    """Return True if a text is translated; of a plural, in each form that the language has."""
    return (
        bool(forms)
        if isinstance(forms, str)
        else len(forms) == catalogue.num_plurals and all(forms)
    )


def _read(path: Path) -> dict[object, Any]:
    """Return text -> translation; of a plural, a tuple of both."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {message.id: message.string for message in read_po(file) if message.id}


if __name__ == "__main__":
    main()
