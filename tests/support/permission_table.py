"""The table of docs/permissions.md: each action, each kind of person, each place.

It is computed from `core.permissions`; tests send its cells through the emulators, `make chaos` all
of them.
Write the document anew with: python -m tests.support.permission_table
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pytest
from _pytest.mark.structures import ParameterSet

from core.models import Membership
from core.permissions import PERMISSIONS, Action, Standing, Who, decide
from tests.chaos.conftest import IS_LONG
from tests.support.paths import ROOT

DOCUMENT = ROOT / "docs" / "permissions.md"


class Person(StrEnum):
    """The columns. Telegram alone has the anonymous admin and the channel identity."""

    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"
    OPERATOR = "operator"
    ANONYMOUS = "anonymous admin"
    CHANNEL = "channel identity"
    LEFT = "left"
    BANNED = "banned"
    BOT = "bot"
    FORGER = "forger"


class Place(StrEnum):
    """Where it is asked for."""

    GROUP = "In a group or a server's channel"
    TOPIC = "In a topic or a thread"
    PRIVATE_THREAD = "In a private thread (Discord)"
    PRIVATE = "In the private chat with the bot"


@dataclass(frozen=True, slots=True)
class Row:
    """One action, as different people can ask for it."""

    action: Action
    text: str
    is_own: bool = False
    places: frozenset[Place] = frozenset(Place)
    platforms: tuple[str, ...] = ("telegram", "discord")


_SHARED = frozenset({Place.GROUP, Place.TOPIC, Place.PRIVATE_THREAD})
_PRIVATE = frozenset({Place.PRIVATE})
ROWS = (
    Row(Action.USE, "transcribe, ask, translate, summarise, search, read aloud, see settings"),
    Row(Action.CHANGE_OWN_SETTINGS, "set one's own voice, style or language; opt out; link"),
    Row(Action.FORGET_OWN_DATA, "delete one's own data (`/forget me`)"),
    Row(Action.CORRECT, "correct one's own words, or take one's own correction back", is_own=True),
    Row(Action.CORRECT, "correct another's words, or take their correction back", places=_SHARED),
    Row(Action.CORRECT_FOR_ALL, "have one's correction hold for everybody's recordings",
        True, _SHARED),
    Row(Action.FORGET_MESSAGE, "delete what is stored of one's own message", is_own=True),
    Row(Action.FORGET_MESSAGE, "delete what is stored of another's message", places=_SHARED),
    Row(Action.FORGET_CHAT, "delete all that is stored about the chat (`/forget chat`)"),
    Row(Action.CANCEL, "cancel what one has asked for", is_own=True),
    Row(Action.CANCEL, "cancel what others have asked for", places=_SHARED),
    Row(Action.CHANGE_SETTINGS, "change the chat's settings, voice, style, digests"),
    Row(Action.CHANGE_HISTORY, "turn the chat's history on or off", places=_SHARED),
    Row(Action.CHANGE_GLOSSARY, "remove one's own correction from the chat's list", is_own=True),
    Row(Action.CHANGE_GLOSSARY, "remove or change another's correction there", places=_SHARED),
    Row(Action.CHANGE_VOICES, "keep, rename or delete a voice designed for the chat"),
    Row(Action.JOIN_VOICE, "bring the bot into a voice channel", False, _SHARED, ("discord",)),
    Row(Action.DIRECT_VOICE, "from the bot's voice channel: `/stop`, `/leave`, `/read`", True,
        _SHARED, ("discord",)),
    Row(Action.DIRECT_VOICE, "the same from outside of it", False, _SHARED, ("discord",)),
    Row(Action.READ_ELSEWHERE, "read a group's summary, hear its recordings", False, _PRIVATE),
    Row(Action.PRESS_PRIVATE, "press a button that was offered to oneself", True, _PRIVATE),
    Row(Action.PRESS_PRIVATE, "press one that was offered to another person", False, _PRIVATE),
    Row(Action.SUBMIT_FORM, "submit a form that one has opened", True, platforms=("discord",)),
    Row(Action.SUBMIT_FORM, "submit a form that another person has opened", False,
        platforms=("discord",)),
    Row(Action.OPERATE, "operate the bot (`/admin`)"),
    Row(Action.SCHEDULED, "start what the program starts itself, such as a digest"),
)  # fmt: skip

_MEMBERSHIPS = {
    Person.MEMBER: Membership.MEMBER,
    Person.ADMIN: Membership.ADMIN,
    Person.OWNER: Membership.OWNER,
    Person.OPERATOR: Membership.MEMBER,
    Person.ANONYMOUS: Membership.ADMIN,
}
#: They write in groups only, in the name of a chat.
_FACELESS = frozenset({Person.ANONYMOUS, Person.CHANNEL})


def decide_cell(row: Row, person: Person, place: Place) -> bool | None:
    """Return whether the person may do it there, None if that cannot occur."""
    if place not in row.places or (person in _FACELESS and _is_faceless_impossible(row, place)):
        return None
    if person in (Person.BOT, Person.FORGER):
        return False  # messages of bots are not read, and forged buttons do nothing
    found = _MEMBERSHIPS.get(person, Membership.NONE)
    if place is Place.PRIVATE and row.action is not Action.READ_ELSEWHERE:
        found = Membership.OWNER
    is_operator = person is Person.OPERATOR and place is Place.PRIVATE
    return decide(row.action, Standing(found, is_own=row.is_own, is_operator=is_operator))


def _is_faceless_impossible(row: Row, place: Place) -> bool:
    return place in (Place.PRIVATE, Place.PRIVATE_THREAD) or "telegram" not in row.platforms


def list_cells(platform: str) -> list[tuple[Row, Place]]:
    """Return the cells of a platform, each for all persons."""
    is_discord = platform == "discord"
    places = [place for place in Place if is_discord or place is not Place.PRIVATE_THREAD]
    rows = [row for row in ROWS if platform in row.platforms]
    return [(row, place) for row in rows for place in places if place in row.places]


def list_trials(platform: str) -> list[ParameterSet]:
    """Return parameters of a test: a row, a place, and who tries it and whether they may.

    In the long form that is everybody but the forger, else one who may and one who may not, so that
    in each place every kind of person comes up as often as the others.
    """
    used: Counter[tuple[Place, Person, bool]] = Counter()
    trials = []
    for row, place in list_cells(platform):
        people = _list_possible(row, place, platform)
        for may in () if IS_LONG else (True, False):
            turns = sorted((used[place, one, may], one) for one in people if people[one] is may)
            for _, one in turns[1:]:
                del people[one]
            used.update((place, one, may) for _, one in turns[:1])
        name = f"{row.action}-{'own' if row.is_own else 'any'}-{place.name}"
        trials.append(pytest.param(row, place, people, id=name))
    return trials


def _list_possible(row: Row, place: Place, platform: str) -> dict[Person, bool]:
    # Those who are gone once they have asked come first on Discord, which tells it at once.
    people = reversed(Person) if platform == "discord" else Person
    absent = {Person.FORGER} | (_FACELESS if platform == "discord" else set())
    cells = {one: decide_cell(row, one, place) for one in people if one not in absent}
    return {one: cell for one, cell in cells.items() if cell is not None}


_MARKS: Mapping[bool | None, str] = {True: "yes", False: "no", None: "–"}
_INTRO = """\
# Who may do what

Made from the table in `core/permissions.py`, which decides about everything that people ask for,
however they do it: by a message or its edit, a button, a form, a slash command or a menu entry.
A test compares this page with that table, and `make chaos` tries every cell on both platforms; the
usual tests try each action in each place with somebody who may and somebody who may not.

What depends on what a person is in a chat is asked live, on Telegram and on Discord, and believed
for a minute at most; a change that the platform reports counts at once. What was said in a group
is shown in private to those who are in it when they press the button, whatever was known before.

| Who | Means |
|---|---|
| member | sees the chat; on Discord: the channel, or the private thread |
| admin | on Discord: has Administrator or Manage Server |
| owner | has created the chat, or was given it |
| operator | is named in `ADMIN_IDS`; in the tables below a member of the chat |
| anonymous admin | Telegram: writes in the name of the group |
| channel identity | Telegram: writes in the name of a channel |
| left, banned | wrote it in the chat before that; in private: was in the group that it is about |
| bot | another bot: nothing that it writes is read |
| forger | presses a button that was not offered there: made up, or copied from another chat |

On Discord, servers may grant the commands of admins to others, under Server Settings →
Integrations. A private thread there is a chat of its own, with settings and a history of its own,
for those who were added to it and those with Manage Threads. `–` cannot occur. In a private chat
everybody decides about their own chat. Operators have their rights in their private chat alone,
whatever they are in others.
"""


def render() -> str:
    """Return the document."""
    parts = [_INTRO, "\n## The rules\n\n| Action | Who may |\n|---|---|\n"]
    parts += [f"| {_describe(row)} | {_name_who(row)} |\n" for row in ROWS]
    for place in Place:
        parts.append(f"\n## {place}\n\n| Action | {' | '.join(Person)} |\n")
        parts.append("|---" * (len(Person) + 1) + "|\n")
        for row in ROWS:
            if place in row.places:
                cells = (_MARKS[decide_cell(row, person, place)] for person in Person)
                parts.append(f"| {_describe(row)} | {' | '.join(cells)} |\n")
    return "".join(parts)


def _describe(row: Row) -> str:
    only = f" ({row.platforms[0].title()})" if len(row.platforms) == 1 else ""
    return f"{row.text}{only}"


def _name_who(row: Row) -> str:
    who = PERMISSIONS[row.action]
    names = {
        Who.EVERYBODY: "everybody",
        Who.MEMBER: "members of that group",
        Who.SELF_OR_ADMIN: "everybody" if row.is_own else "admins",
        Who.SELF: "that person" if row.is_own else "nobody",
        Who.ADMIN: "admins",
        Who.OPERATOR: "operators, in their private chat",
        Who.PROGRAM: "nobody",
    }
    return names[who]


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
