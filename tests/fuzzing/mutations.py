"""Mutations that keep JSON valid: of random bytes hardly any would get past the parser."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

#: Values that people and services do not send, and somebody might.
_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**53,
        2**63,
        -(2**63),
        10**30,
        10**400,
        0.5,
        -0.0,
        1e308,
    ),
    *(
        float("inf"),
        float("nan"),
        "",
        " ",
        "0",
        "-1",
        "٣",
        "²",
        "x" * 300,
        "\0",
        "\ud83d",
        "\u202e",
    ),
    *("https://[", "2026-11-21T12:00:00", "9" * 30, "9" * 5000, [], {}, [[]], [{}], {"": {}}),
)
#: Mutates bytes: (data, longest) -> data.
MutateBytes = Callable[[bytes, int], bytes]
_Place = tuple[Any, Any]


def mutate_json(data: bytes, longest: int, seed: int, mutate_bytes: MutateBytes) -> bytes:
    """Return other data; its first byte, which picks the reader, mostly stays.

    What follows stays JSON if it is some, three times out of four.
    """
    chance = random.Random(seed)
    try:
        root = [json.loads(data[1:])]
    except (ValueError, RecursionError):
        return mutate_bytes(data, longest)
    if chance.random() < 0.25:
        return mutate_bytes(data, longest)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        _mutate_value(root, chance, mutate_bytes)
    changed = data[:1] + json.dumps(root[0]).encode()
    return changed if len(changed) <= longest else mutate_bytes(data, longest)


def _mutate_value(root: list[Any], chance: random.Random, mutate_bytes: MutateBytes) -> None:
    places = [*_list_places(root)]
    holder, key = chance.choice(places)
    other, other_key = chance.choice(places)
    value = holder[key]
    match chance.randrange(5):
        case 0 if isinstance(value, str):
            raw = value.encode("utf-8", "surrogatepass")
            holder[key] = mutate_bytes(raw, len(raw) + 40).decode("utf-8", "surrogateescape")
        case 1 if holder is not root:
            del holder[key]
        case 2:
            holder[key] = deepcopy(other[other_key])
        case 3 if isinstance(holder, list):
            holder.append(deepcopy(value))
        case _:
            holder[key] = deepcopy(chance.choice(_ODD))


def _list_places(holder: Any) -> Iterator[_Place]:
    """Yield where each value is: what holds it, and under which key or index."""
    found: list[Any] = [holder]
    while found:
        one = found.pop()
        keys = range(len(one)) if isinstance(one, list) else [*one]
        for key in keys:
            yield one, key
            if isinstance(one[key], list | dict):
                found.append(one[key])
