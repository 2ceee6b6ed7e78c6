"""`hearsay doctor` and the start tell what protects the program, and what does not."""

from __future__ import annotations

import os

import pytest

from bots.doctor.results import Status
from tests.cli.conftest import check


async def test_what_the_sandboxes_lack_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, lacks in (
        ("core.audio.Media", ("user", "system calls")),
        ("core.engines.offline.transcriber.OfflineTranscriber", ("user",)),
        ("core.engines.offline.synthesizer.OfflineSynthesizer", ("folder", "system calls")),
    ):
        monkeypatch.setattr(f"{kind}.lacks", lacks)
    result = await check("sandbox")
    assert result.status is Status.WARN
    assert result.text == "this system lacks a part of the sandbox: user, system calls, folder"


async def test_workers_of_all_kinds_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await check("sandbox")).status is Status.OK
    synthesizer = "core.engines.offline.synthesizer.OfflineSynthesizer"
    monkeypatch.setattr(f"{synthesizer}.has_worker", lambda self: True)
    monkeypatch.setattr(f"{synthesizer}.worker", "core.no_such_module")
    result = await check("sandbox")
    assert result.status is Status.FAIL and "did not start" in result.text


@pytest.mark.parametrize(("user", "status"), [(0, Status.WARN), (1000, Status.OK)])
async def test_root_is_warned_of(
    user: int, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert (await check("user")).status is status
