"""Intake, jobs and delivery in any order, with crashes at any await point."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.stateful.machine import RoadMachine
from tests.support.clean_start import make_database
from tests.support.postgresql import PostgresServer


@pytest.fixture
def new_database(tier: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], str]:
    """Return a function that makes an empty database with all tables, and returns its URL."""
    if tier == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        return server.create
    numbers = count()

    def make() -> str:
        home = tmp_path / str(next(numbers))
        home.mkdir()
        return make_database(home)

    return make


@pytest.mark.hypothesis
@pytest.mark.parametrize("tier", ["sqlite", "postgresql"], indirect=True)
def test_whatever_happens_each_message_is_answered_once(
    new_database: Callable[[], str], tier: str
) -> None:
    is_long = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    # To shorten the steps that fail takes minutes: the long form does.
    phases = (Phase.reuse, Phase.generate, *((Phase.shrink,) if is_long else ()))
    form = settings(
        phases=phases,
        max_examples=1000 if is_long else 20 if tier == "sqlite" else 8,
        stateful_step_count=80 if is_long else 50,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    with capture_logs():
        begin: Any = partial(RoadMachine, new_database)  # it takes whatever makes a machine
        run_state_machine_as_test(begin, settings=form)
