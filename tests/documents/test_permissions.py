"""docs/permissions.md is the table of `core.permissions`."""

from __future__ import annotations

from core.permissions import PERMISSIONS, RULES, Action, Who
from tests.support.permission_table import DOCUMENT, ROWS, Person, Place, decide_cell, render


def test_the_document_is_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), (
        "run: python -m tests.support.permission_table"
    )


def test_every_action_has_a_rule_and_a_row() -> None:
    assert set(PERMISSIONS) == {row.action for row in ROWS} == set(Action)
    assert set(RULES) == set(Who)


def test_nobody_without_a_face_or_a_membership_is_an_admin() -> None:
    for row in ROWS:
        for person in (Person.CHANNEL, Person.LEFT, Person.BANNED):
            if PERMISSIONS[row.action] in (Who.ADMIN, Who.MEMBER, Who.OPERATOR):
                places = row.places - ({Place.PRIVATE} if person is not Person.CHANNEL else set())
                assert not any(decide_cell(row, person, place) for place in places), row
