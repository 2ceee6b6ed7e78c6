"""How the tests are spread over processes: hooks of pytest-xdist."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

#: Folders whose files share a browser or server, which is slow to start.
_TOGETHER = ("tests/web_chat/pages/", "tests/openai_api/")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number for `-n auto`: one more than processors, since some tests wait for others.

    With more than that all of them take longer: each has its own servers, and imports everything.
    """
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep each file on one processor, some folders too: their tests share programs and servers."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            folders = (folder for folder in _TOGETHER if nodeid.startswith(folder))
            return next(folders, nodeid.partition("::")[0])

    return ByFile(config, log)
