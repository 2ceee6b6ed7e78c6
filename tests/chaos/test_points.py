"""Every step at which tests kill the program names a function that exists."""

from __future__ import annotations

import pytest

from tests.chaos import test_disk, test_frozen
from tests.chaos.points import ALL_POINTS, find_owner


@pytest.mark.parametrize("name", ALL_POINTS)
def test_a_step_names_a_function(name: str) -> None:
    owner, attribute = find_owner(ALL_POINTS[name].function)
    assert callable(getattr(owner, attribute))


@pytest.mark.parametrize("place", [*test_disk.IMPATIENT, *test_frozen.LIMITS])
def test_an_override_names_a_constant(place: str) -> None:
    owner, attribute = find_owner(place)
    assert isinstance(getattr(owner, attribute), int | float)
