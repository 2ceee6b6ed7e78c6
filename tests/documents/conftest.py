from __future__ import annotations

import pytest

from tests.deploy.conftest import run_tool
from tests.documents.blocks import Block, followed_by
from tests.support.paths import ROOT

__all__ = ["run_tool"]


@pytest.fixture
def blocks(request: pytest.FixtureRequest) -> list[Block]:
    """The blocks that this test follows."""
    return followed_by(f"{request.path.relative_to(ROOT)}::{request.function.__name__}")
