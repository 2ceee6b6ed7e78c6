"""What tests of the virtual Telegram need."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def timedelta_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have python-telegram-bot use timedelta, which it warns about otherwise."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
