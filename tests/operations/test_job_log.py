"""One note through the running program: each line of its job names the job, and none its words."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bots import program
from core.clock import Clock
from core.logs import set_up_logs
from tests.chaos.notes import make_note, read_number
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import make_database
from tests.support.fake_inbox import make_settings
from tests.support.kept_logging import keep_logging

#: What the program says of itself at its start.
OF_NO_JOB = {
    "running as root: better give the program a user of its own",
    "web chat started",
    "operator's view is off: ADMIN_PASSWORD is not set",
    "telegram_started",
    "telegram_menu",
    "stopping",
}


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    with keep_logging():
        yield


async def test_every_line_of_a_job_names_it_and_no_line_has_content(
    telegram: TelegramServer,
    mimo: MimoServer,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    make_database(tmp_path)
    settings = make_settings(
        hearsay_home=tmp_path, web_port=0, telegram_bot_token=telegram.token,
        telegram_api_base_url=telegram.api_base_url,
        telegram_file_base_url=telegram.file_base_url,
        mimo_base_url=mimo.base_url, mimo_api_key=mimo.key, model_probe="off",
    )  # fmt: skip
    set_up_logs("DEBUG", settings.secrets(), format="json")
    # Else loggers of modules keep this set-up, whatever later tests configure.
    structlog.configure(cache_logger_on_first_use=False)
    ann = telegram.add_user("Ann Zebrafink")
    # Whatever goes wrong on the way is logged, too. It takes more than five seconds, after which a
    # button is offered that cancels it: that is what cannot be sent.
    mimo.add_fault("503", times=3)
    telegram.fault("download", "cut")
    telegram.fault("send*", "status", status=502)
    running = asyncio.create_task(program.run(settings, {}, clock=clock))
    try:
        await clock.sleep(5)
        telegram.send_voice(ann, ann, await asyncio.to_thread(make_note, 7), duration=2)
        await clock.sleep(90)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    [answer] = telegram.replies(ann)
    assert read_number(answer.text) == 7
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert all(line.keys() >= {"timestamp", "level", "event"} for line in lines)
    own = [line for line in lines if line["event"] not in OF_NO_JOB]
    [job_id] = {line.get("job") for line in own}
    assert {line["command"] for line in own} == {"transcribe"}
    events = [line["event"] for line in own]
    assert (events[0], events[-1]) == ("accepted", "finished")
    assert {"download_again", "failed", "telegram_progress"} <= {*events}
    assert all("id" in line for line in own if line["level"] == "warning")
    for content in ("Zebrafink", answer.text, "w7"):
        assert content not in json.dumps(lines)
    assert job_id and mimo.key not in json.dumps(lines)
