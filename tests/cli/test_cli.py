"""The command line: the real command as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import pytest

from bots.cli.jobs import _describe_age
from bots.exit_codes import exit_code_of
from core import errors
from core.models import Chat, Job, JobState, Message, Reply
from core.store import Store, make_cipher
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.clean_start import ask_database
from tests.support.hearsay_command import CANARIES, HEARSAY, KEY, PLAIN_KEY, TOKEN, Hearsay
from tests.support.paths import SPEECH
from tests.support.virtual_time import current_clock

ENGLISH = SPEECH / "sr_english.wav"


@contextmanager
def running(hearsay: Hearsay, **settings: str) -> Iterator[str]:
    """Run the bot and yield the address that it prints."""
    process = subprocess.Popen(
        [HEARSAY, "run"],
        env=hearsay.environment({"WEB_PORT": "0", **settings}),
        cwd=hearsay.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    assert process.stdout and process.stderr
    try:
        line = process.stdout.readline()
        assert line.startswith("Open http://127.0.0.1:"), line + process.stderr.read()
        yield line.removeprefix("Open ").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate()
        watchdog.cancel()
    assert process.returncode == 0, stderr
    assert TOKEN not in stderr and KEY not in stderr


@asynccontextmanager
async def opened(hearsay: Hearsay) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{hearsay.database}", make_cipher(None, hearsay.home))
    yield store
    await store.close()


async def add_dead(store: Store, number: int, *, state: JobState = JobState.DEAD) -> Job:
    chat, now = Chat("web", "1", "100"), current_clock().now()
    message = Message(chat, str(number), now, text="what I said in private", command="help")
    job = await store.intake.add(message, lambda *_: "help")
    assert job is not None
    await store.jobs.save_reply(job.job_id, Reply("what was answered"), state)
    ledger = store.deliveries.target(job).ledger
    await ledger.start(0)
    await ledger.finish(0, "m-17")
    await store.jobs.finish(job.job_id, state, "EngineBusy: 503 [overloaded]")
    return job


def check_running(hearsay: Hearsay, url: str) -> None:
    """Check that it serves its page and that no second process can run in the same folder."""
    with urllib.request.urlopen(url) as page:
        assert page.status == 200
    models = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(models) as listed:
        assert listed.status == 200
    second = hearsay("run", WEB_PORT="0")
    assert second.returncode == 78
    assert second.stderr.splitlines()[-1].startswith("hearsay: another hearsay is already running")


def test_migrate_creates_a_database_and_says_so(hearsay: Hearsay) -> None:
    for _ in range(2):
        done = hearsay("migrate")
        assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")
    assert ask_database(hearsay.home, "SELECT * FROM jobs") == []
    assert hearsay.home.stat().st_mode & 0o777 == 0o700
    assert not hearsay("migrate").stderr


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"WEB_PORT": "none"}, 78, "WEB_PORT: "),
        ({"WEB_PORT": "99999"}, 78, "WEB_PORT 99999 is not a port"),
        ({"TRANSCRIBER": "nobody"}, 78, "TRANSCRIBER is 'nobody'"),
        ({"HEARSAY_HOME": "/proc/nowhere"}, 78, "HEARSAY_HOME /proc/nowhere"),
        ({"HEARSAY_SECRET_KEY": PLAIN_KEY}, 78, "HEARSAY_SECRET_KEY is not a Fernet key"),
        ({"DATABASE_URL": f"what://a:{KEY}@b/c"}, 78, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/x.db"}, 74, "unable to open database file"),
        ({"MIMO_API_KEY_FILE": "/nowhere"}, 78, "MIMO_API_KEY_FILE: /nowhere cannot be read"),
        ({"LOG_LEVEL": KEY, "MIMO_API_KEY": KEY}, 78, "LOG_LEVEL: "),
    ],
)
def test_a_mistake_prints_one_line_and_sets_the_exit_code(
    hearsay: Hearsay, settings: dict[str, str], code: int, words: str
) -> None:
    done = hearsay("run", **{"WEB_PORT": "0", "LOG_LEVEL": "ERROR", **settings})
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("hearsay: ") and words in line


def test_every_kind_of_error_has_its_exit_code() -> None:
    for code, names in {
        78: ("ConfigError", "ModelGone"), 77: ("PlatformLocked", "EngineLocked"),
        74: ("StoreError",), 70: ("ChatGone",), 69: ("EngineBusy", "PlatformBusy"),
    }.items():  # fmt: skip
        for name in names:
            assert exit_code_of(getattr(errors, name)()) == code, name


def test_a_crash_logs_no_secret(hearsay: Hearsay) -> None:
    program = f"""
import sys
from bots import cli
from core.logs import set_up_logs
from tests.support.paths import SPEECH
def crash():
    set_up_logs("WARNING", ["{PLAIN_KEY}"])
    secret = "{PLAIN_KEY}"
    raise RuntimeError("no way: {PLAIN_KEY}, https://api.telegram.org/bot{TOKEN}/getMe")
cli.app.command("crash")(crash)
sys.argv[1:] = ["crash"]
cli.main()
"""
    done = subprocess.run(
        [HEARSAY.with_name("python"), "-c", program],
        env=hearsay.environment({}),
        cwd=hearsay.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert "RuntimeError: no way: [secret], https://api.telegram.org/bot[secret]" in str(line)
    assert not any(canary in done.stderr for canary in CANARIES)


def test_transcripts_go_to_stdout_and_are_stored(hearsay: Hearsay, mimo: MimoServer) -> None:
    recording = hearsay.folder / "memo.wav"
    recording.write_bytes(make_recording((1, 2, 3)))
    settings = {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}
    done = hearsay("transcribe", str(recording), **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "w1 w2 w3\n", "")
    assert len(mimo.billed) == 1
    assert hearsay("transcribe", "memo.wav", **settings).stdout == "w1 w2 w3\n"
    assert len(mimo.billed) == 1


def test_a_busy_service_is_retried_and_a_wrong_key_ends_the_command(
    hearsay: Hearsay, mimo: MimoServer
) -> None:
    for name, number in (("a.wav", 1), ("b.wav", 4)):
        (hearsay.folder / name).write_bytes(make_recording(range(number, number + 3)))
    mimo.add_fault("503", times=1)
    settings = {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}
    assert hearsay("transcribe", "a.wav", **settings).stdout == "w1 w2 w3\n"
    done = hearsay("transcribe", "a.wav", "b.wav", **{**settings, "MIMO_API_KEY": f"{KEY}x"})
    assert done.returncode == 77
    assert "the key is rejected" in done.stderr.splitlines()[-1]


@pytest.mark.pocketsphinx
def test_a_bad_file_does_not_stop_the_others_and_every_format_works(hearsay: Hearsay) -> None:
    (hearsay.folder / "notes.txt").write_text("no sound at all")
    done = hearsay("transcribe", "notes.txt", "missing.ogg", str(ENGLISH))
    assert done.returncode == 1
    assert done.stdout == f"== {ENGLISH} ==\nwater two three\n"
    first, second, third = done.stderr.splitlines()
    assert first.startswith("notes.txt: This file type is not supported.")
    assert second == "missing.ogg: No such file or directory"
    assert third == f"{ENGLISH}: Rough English transcript, made offline: expect mistakes."
    # In another format it is not transcribed again.
    done = hearsay("transcribe", str(ENGLISH), "--format", "json")
    value = json.loads(done.stdout)
    shown = {name: value[name] for name in ("file", "text", "is_rough")}
    assert shown == {"file": str(ENGLISH), "text": "water two three", "is_rough": True}
    assert [s["text"] for s in value["segments"]] == ["water", "two three"]
    srt = hearsay("transcribe", str(ENGLISH), "--format", "srt").stdout
    assert srt.startswith("1\n00:00:00,000 --> 00:00:00,780\nwater\n\n2\n")


def test_results_go_to_a_file_or_to_a_folder(hearsay: Hearsay, mimo: MimoServer) -> None:
    for folder, number in (("a", 1), ("b", 4)):
        (hearsay.folder / folder).mkdir()
        (hearsay.folder / folder / "memo.wav").write_bytes(
            make_recording(range(number, number + 3))
        )
    settings = {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}
    assert not hearsay("transcribe", "a/memo.wav", "-o", "one.txt", **settings).stdout
    assert (hearsay.folder / "one.txt").read_text() == "w1 w2 w3\n"
    done = hearsay("transcribe", "a/memo.wav", "b/memo.wav", "-o", "all", **settings)
    assert done.returncode == 0
    written = {p.name: p.read_text() for p in (hearsay.folder / "all").iterdir()}
    assert sorted(written.values()) == ["w1 w2 w3\n", "w4 w5 w6\n"]


def test_several_subtitles_need_a_folder(hearsay: Hearsay) -> None:
    done = hearsay("transcribe", "a.wav", "b.wav", "--format", "srt")
    assert done.returncode == 2
    assert "several files as srt need a folder" in done.stderr


@pytest.mark.real_time
async def test_jobs_are_listed_and_their_content_is_shown_only_when_asked(hearsay: Hearsay) -> None:
    hearsay("migrate")
    async with opened(hearsay) as store:
        dead = await add_dead(store, 1)
        done = await add_dead(store, 2, state=JobState.DONE)

    async def jobs(*arguments: str) -> str:
        return (await asyncio.to_thread(hearsay, "jobs", *arguments)).stdout

    listed = await jobs("list")
    head, line, counts = listed.splitlines()
    assert head.split() == ["ID", "STATE", "COMMAND", "AGE", "ATTEMPTS", "ERROR"]
    assert line.split()[:3] == [dead.job_id, "dead", "help"]
    assert line.rstrip().endswith("EngineBusy: 503 [overloaded]")
    assert counts == "1 done, 1 dead"
    only_done = await jobs("list", "--state", "done")
    assert done.job_id in only_done and dead.job_id not in only_done
    shown = await jobs("show", dead.job_id)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for wanted in ("state dead", "part 0 sent m-17", "chat 100", "reply saved, ends as dead"):
        assert wanted in lines
    assert not [one for one in ("private", "answered") if one in listed + shown]
    whole = await jobs("show", dead.job_id, "--content")
    assert "what I said in private" in whole and "what was answered" in whole


@pytest.mark.real_time
async def test_a_bot_runs_once_and_runs_a_dead_letter_again(hearsay: Hearsay) -> None:
    hearsay("migrate")
    async with opened(hearsay) as store:
        job = await add_dead(store, 1)
        again = await asyncio.to_thread(hearsay, "jobs", "retry", job.job_id)
        assert (again.returncode, again.stdout) == (0, f"Job {job.job_id} will be run again.\n")
        [logged] = await store.audit.recent()
        assert (logged.operator, logged.subject) == ("command line", job.job_id)
        with running(hearsay, API_KEYS=f"me={KEY}") as url:
            await asyncio.to_thread(check_running, hearsay, url)
            async with asyncio.timeout(20):
                while (found := await store.jobs.find(job.job_id)) is None or (
                    found.state is not JobState.DONE
                ):
                    await asyncio.sleep(0.1)  # another process runs it
    once_more = await asyncio.to_thread(hearsay, "jobs", "retry", job.job_id)
    assert once_more.returncode == 1
    assert "is done: only dead letters can be run again" in once_more.stderr


@pytest.mark.parametrize("command", ["show", "retry"])
def test_an_unknown_job_prints_one_line(hearsay: Hearsay, command: str) -> None:
    done = hearsay("jobs", command, "0123456789")
    assert (done.returncode, done.stderr) == (1, "hearsay: there is no job 0123456789\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert _describe_age(timedelta(seconds=seconds)) == text


@pytest.mark.finding(9)
@pytest.mark.pocketsphinx
def test_languages_are_given_by_name_and_only_english_is_transcribed_offline(
    hearsay: Hearsay,
) -> None:
    done = hearsay("transcribe", "--language", "English", str(ENGLISH))
    assert (done.returncode, done.stdout) == (0, "water two three\n")
    done = hearsay("transcribe", "--language", "中文", str(ENGLISH))
    assert done.returncode == 1 and "transcribes English only" in done.stderr
    # Nobody sends commands of a chat here, and nobody else is the operator.
    assert "MIMO_API_KEY" in done.stderr and "/language" not in done.stderr
    assert "--language English" in done.stderr and "operator" not in done.stderr
    done = hearsay("transcribe", "--language", "klingon", str(ENGLISH))
    assert done.returncode == 2 and "no such language" in done.stderr
