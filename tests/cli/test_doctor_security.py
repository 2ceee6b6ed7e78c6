"""`hearsay doctor` and the start tell what protects the program, and what does not."""

from __future__ import annotations

import os

import pytest

from bots.doctor.results import Status
from tests.cli.conftest import check


async def test_what_the_sandbox_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.audio.Media.lacks", ("user", "system calls"))
    result = await check("sandbox")
    assert result.status is Status.WARN
    assert result.text == "this system lacks a part of the sandbox: user, system calls"


@pytest.mark.parametrize(("user", "status"), [(0, Status.WARN), (1000, Status.OK)])
async def test_root_is_warned_of(
    user: int, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert (await check("user")).status is status
