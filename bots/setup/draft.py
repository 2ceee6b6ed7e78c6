"""The settings that `hearsay init` makes: those of the file, and the answers given so far."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic_settings import EnvSettingsSource

from bots.exit_codes import read_settings
from core.config import Settings
from core.errors import ConfigError
from core.store.database.encryption import sync

_HEADER = "# Settings of Hearsay, made by: hearsay init. Every other one is in .env.example.\n"
#: Values that need no quotes.
_PLAIN = re.compile(r"[\w./:@,+=-]*")
#: A comment after a value without quotes.
_COMMENT = re.compile(r"[ \t]+#[^\r\n]*")


class Draft:
    """What a file of settings will say. Names of settings are in lower case."""

    def __init__(self, path: Path) -> None:
        # A link stays a link, to the same file.
        self._path = path.resolve()
        self._answers: dict[str, str] = {}
        self._environment = EnvSettingsSource(Settings)()

    def build(self, **tried: str) -> Settings:
        """Return the settings with the answers so far, and some that are tried.

        Raises ConfigError that names the setting, never its value.
        """
        return read_settings(self._path, **self._answers | tried)

    def is_set(self, name: str) -> bool:
        """Return whether a setting has a value, in the file or elsewhere."""
        return bool(getattr(self.build(), name))

    def is_fixed(self, name: str) -> bool:
        """Return whether the environment sets it: what the file says does not count then."""
        return name in self._environment

    def set(self, name: str, value: str) -> None:
        """Note an answer."""
        self._answers[name] = value

    def write(self) -> list[str]:
        """Write the answers to the file, all or nothing; return the names of what is new.

        Only its owner can read it, from the first moment on. Raises OSError, ConfigError.
        """
        answers = {name.upper(): value for name, value in self._answers.items()}
        if not answers:
            return []
        # As bytes, so that the ends of lines stay as they are.
        text = self._path.read_bytes().decode() if self._path.exists() else _HEADER
        data = merge(text, answers).encode()
        descriptor, fresh = tempfile.mkstemp(prefix=".env-", dir=self._path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            sync(Path(fresh))
            Path(fresh).replace(self._path)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
        sync(self._path.parent)
        return [*answers]


def merge(text: str, answers: Mapping[str, str]) -> str:
    """Return the text of a `.env` file with other values; all other lines stay as they are.

    Raises ConfigError if such a file cannot hold a value.
    """
    bindings = [*parse_stream(io.StringIO(text))]
    # The last line of a name counts.
    last = {one.key.upper(): number for number, one in enumerate(bindings) if one.key}
    lines = [one.original.string for one in bindings]
    added = []
    for name, value in answers.items():
        line = f"{name}={_quote(value)}"
        if (number := last.get(name)) is None:
            added.append(f"{line}\n")
        else:
            lines[number] = _replace(bindings[number], line)
    whole = "".join(lines)
    if added and whole and not whole.endswith("\n"):
        whole += "\n"
    whole += "".join(added)
    found = dotenv_values(stream=io.StringIO(whole))
    values = {name.upper(): value for name, value in found.items()}
    for name, value in answers.items():
        if values.get(name) != value:
            raise ConfigError(f"{name} has characters that a .env file cannot hold")
    return whole


def _replace(binding: Binding, line: str) -> str:
    """Return a line in place of another one, with what stood before and after its value."""
    old = binding.original.string
    before = old[: len(old) - len(old.lstrip())]
    comment = None if {"'", '"'} & set(old) else _COMMENT.search(old.lstrip())
    end = old[len(old.rstrip("\r\n")) :]
    return f"{before}{line}{comment[0] if comment else ''}{end}"


def _quote(value: str) -> str:
    """Return a value as it is written in a `.env` file."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
