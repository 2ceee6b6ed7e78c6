"""docs/costs.md has the prices that the program counts with, and its budgets."""

from __future__ import annotations

import re

from core.limits.prices import MIMO_PRICES, READ_AT, Price
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "costs.md").read_text()


def read_rows() -> dict[str, Price]:
    """Return the price of each model in the table."""
    found: dict[str, Price] = {}
    for names, *cells in re.findall(
        r"^\| (`mimo.+`) \|(.*)\|(.*)\|(.*)\|(.*)\|$", TEXT, re.MULTILINE
    ):
        prompt, cached, completion, audio = (
            float(cell) if re.fullmatch(r" [\d.]+ ", cell) else 0.0 for cell in cells
        )
        price = Price(cached, prompt, completion, audio)
        found |= dict.fromkeys(re.findall(r"`([\w.-]+)`", names), price)
    return found


def test_the_table_has_the_prices_of_the_program() -> None:
    assert read_rows() == MIMO_PRICES
    assert f"read on {READ_AT.day} {READ_AT:%B %Y}" in TEXT


def test_the_budgets_are_those_of_the_settings() -> None:
    example = (ROOT / ".env.example").read_text()
    person, chat, bot = (
        [float(one) for one in re.findall(r"([\d.]+) [a-zA-Z]+/", line)]
        for line in re.findall(r"BUDGET_(?:PERSON|CHAT|BOT)=(.+)", example)
    )
    minutes, dollars, requests = person
    assert f"{minutes:.0f} minutes, {dollars:.2f} USD and {requests:.0f} requests a day" in TEXT
    assert chat == [2 * figure for figure in person]
    assert f"{bot[0]:.0f} USD a day and {bot[1]:.0f} USD a month" in TEXT
