"""One story, told on every platform: its steps, the people who live it, and where it happens."""

import pytest

pytest.register_assert_rewrite("tests.support.scenario_story")
