"""Exit codes of `hearsay`, and the one line on stderr that goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

from core.errors import (
    AssistantError,
    ConfigError,
    EngineBadReply,
    EngineBusy,
    EngineLocked,
    ModelGone,
    PlatformBusy,
    PlatformLocked,
    StoreError,
)

if TYPE_CHECKING:  # they take longer to import than help may take to appear
    from pathlib import Path

    from pydantic import ValidationError

    from core.config import Settings

#: Exit codes: that of click for wrong usage, else those of sysexits.h.
USAGE, UNREACHABLE, OTHER, STORE, LOCKED, CONFIG = 2, 69, 70, 74, 77, 78

_CODES: tuple[tuple[type[AssistantError], int], ...] = (
    (ConfigError, CONFIG),
    (ModelGone, CONFIG),
    (PlatformLocked, LOCKED),
    (EngineLocked, LOCKED),
    (StoreError, STORE),
    (EngineBusy, UNREACHABLE),
    (EngineBadReply, UNREACHABLE),
    (PlatformBusy, UNREACHABLE),
)


def exit_code_of(error: AssistantError) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), OTHER)


def exit_with(message: str, code: int) -> NoReturn:
    """Print one line on stderr and exit with `code`."""
    typer.echo(f"hearsay: {' '.join(message.split())}", err=True)
    raise SystemExit(code)


def read_settings(file: Path | None = None, **values: str) -> Settings:
    """Return the settings. Raises ConfigError that names the setting, never its value.

    file: read instead of `.env`. values: settings that count before all others.
    """
    from pydantic import ValidationError

    from core.config import ENV_FILE, Settings

    try:
        return Settings(_env_file=file or ENV_FILE, **values)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        raise ConfigError(describe_settings_error(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file or ENV_FILE} is not a text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}") from None


def describe_settings_error(error: ValidationError) -> str:
    """Return every mistake with the name of its setting, without the value: it may be secret."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    mistakes = []
    for one in found:
        name = "_".join(str(part) for part in one["loc"][:1]).upper()
        is_unknown = one["type"] == "extra_forbidden"
        what = "is not a known setting" if is_unknown else one["msg"].removeprefix("Value error, ")
        mistakes.append(f"{name}: {what}" if name else what)
    return "; ".join(dict.fromkeys(mistakes))


def prepare() -> Settings:
    """Return the settings for an interactive command, which logs only warnings."""
    from core.logs import set_up_logs

    settings = read_settings()
    level = "WARNING" if settings.log_level == "INFO" else settings.log_level
    set_up_logs(level, settings.secrets(), format=settings.log_format)
    return settings
