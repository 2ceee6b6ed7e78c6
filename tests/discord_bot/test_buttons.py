"""Buttons as Discord components, and presses of them."""

from __future__ import annotations

import pytest

from bots.discord_bot.interactions.parser import ButtonPress, read_press
from bots.discord_bot.outgoing.parts import build_components
from core.models import Button

TOKEN = "abcdefghijklmnopqrst-_"


def make(count: int) -> list[Button]:
    return [Button(f"B{n}", "say", token=f"{n:022}") for n in range(count)]


def test_buttons_in_rows_and_many_as_select_menus() -> None:
    assert build_components([]) == [] and len(build_components(make(200))) == 5
    rows = build_components(make(7))
    assert [len(row["components"]) for row in rows] == [5, 2]
    assert {part["type"] for row in rows for part in row["components"]} == {2}
    for count, options in ((11, [11]), (25, [25]), (60, [25, 25, 10])):
        selects = [row["components"][0] for row in build_components(make(count))]
        assert [len(select["options"]) for select in selects] == options
        assert len({select["custom_id"] for select in selects}) == len(selects)
        assert {select["placeholder"] for select in selects} == {"…"}


@pytest.mark.parametrize("count", [1, 10, 11, 125])
def test_button_ids_round_trip(count: int) -> None:
    buttons = make(count)
    parts = [part for row in build_components(buttons) for part in row["components"]]
    if count <= 10:
        presses = [read_press({"custom_id": part["custom_id"]}) for part in parts]
    else:
        presses = [
            read_press({"custom_id": part["custom_id"], "values": [option["value"]]})
            for part in parts
            for option in part["options"]
        ]
    assert [press.token for press in presses if press] == [one.token for one in buttons]
    [row] = build_components([Button("Read", "private_summary", token=TOKEN, is_private=True)])
    assert read_press(row["components"][0]) == ButtonPress(TOKEN, is_private=True)


def test_labels_are_shortened_and_never_empty() -> None:
    rows = build_components([Button("x" * 300, "say", token=TOKEN), Button(" ", "say")])
    labels = [part["label"] for part in rows[0]["components"]]
    assert [len(label) for label in labels] == [80, 1]


@pytest.mark.parametrize(
    "custom_id", [None, "", TOKEN, "h:", f"h:{TOKEN}x", f"x:{TOKEN}", f"h:{TOKEN[:-1]}\n", "s:0"]
)
@pytest.mark.parametrize("values", [None, [], ["s:0"], [TOKEN]])
def test_unknown_button_ids_are_ignored(custom_id: object, values: object) -> None:
    data = {"custom_id": custom_id, "values": values}
    assert read_press({name: one for name, one in data.items() if one is not None}) is None
