"""End-to-end tests of the whole program on every platform."""

import pytest

pytest.register_assert_rewrite("tests.support.scenario_people")
