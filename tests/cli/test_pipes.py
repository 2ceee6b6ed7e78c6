"""hearsay in pipes and scripts: standard input and output, JSON, versions, completion."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bots.cli.commands import State
from core.config import Settings
from core.models import JobState
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.hearsay_command import HEARSAY, KEY, TOKEN, Hearsay

pytestmark = pytest.mark.finding(27)


def at(mimo: MimoServer) -> dict[str, str]:
    return {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}


def test_a_recording_comes_from_standard_input(hearsay: Hearsay, mimo: MimoServer) -> None:
    recording = make_recording((1, 2, 3))
    done = hearsay.pipe(recording, "transcribe", "-", **at(mimo))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"w1 w2 w3\n", b"")
    done = hearsay.pipe(recording, "transcribe", "-", "--format", "json", **at(mimo))
    assert json.loads(done.stdout)["file"] == "stdin"
    done = hearsay.pipe(recording, "transcribe", "-", "-o", ".", **at(mimo))
    assert (hearsay.folder / "stdin.txt").read_text() == "w1 w2 w3\n"
    done = hearsay.pipe(recording, "ask", "-", "What is said?", **at(mimo))
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout
    done = hearsay.pipe(b"no sound at all", "transcribe", "-", **at(mimo))
    assert done.returncode == 1 and done.stderr.startswith(b"stdin: This file type")


def test_subtitles_are_webvtt_too(hearsay: Hearsay, mimo: MimoServer) -> None:
    (hearsay.folder / "memo.wav").write_bytes(make_recording((1, 2, 3)))
    done = hearsay("transcribe", "memo.wav", "--format", "vtt", **at(mimo))
    assert done.stdout.startswith("WEBVTT\n\n00:00:00.") and "w1 w2 w3" in done.stdout
    done = hearsay("transcribe", "memo.wav", "memo.wav", "--format", "vtt", "-o", "-")
    assert done.returncode == 2 and "several files as vtt need a folder" in done.stderr
    done = hearsay("transcribe", "memo.wav", "memo.wav", "-o", "memo.wav")
    assert done.returncode == 2 and "several files as txt need a folder" in done.stderr


def test_speech_goes_to_standard_output(hearsay: Hearsay, mimo: MimoServer) -> None:
    done = hearsay.pipe(b"Good morning.\n", "say", "-", "-o", "-", **at(mimo))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout[:4] == b"RIFF" and mimo.billed[0].path.endswith("/chat/completions")
    options = ("-o", "-", "--format", "ogg")
    assert hearsay.pipe(b"", "say", "Hi.", *options, **at(mimo)).stdout[:4] == b"OggS"
    hearsay("say", "Hi.", "-o", "speech.bin", "--format", "mp3", **at(mimo))
    assert (hearsay.folder / "speech.bin").read_bytes()[:3] in (b"ID3", b"\xff\xf3\x84")


def test_lists_are_json_for_programs(hearsay: Hearsay) -> None:
    voices = json.loads(hearsay("voices", "--json", MIMO_API_KEY=KEY).stdout)["voices"]
    assert {"voice_id": "Mia", "name": "Mia", "language": "en", "gender": "female"} in voices
    for jobs in (("jobs", "--json"), ("jobs", "list", "--json")):
        assert json.loads(hearsay(*jobs).stdout) == {"jobs": [], "counts": {}}
    assert hearsay("jobs").stdout == hearsay("jobs", "list").stdout != ""
    misplaced = hearsay("jobs", "--json", "show", "x")
    assert misplaced.returncode == 2 and "hearsay jobs show --json" in misplaced.stderr
    assert json.loads(hearsay("doctor", "--json").stdout)["exit_code"] == 0


def test_jobs_can_be_listed_by_every_state() -> None:
    assert [*State] == [state.value for state in JobState]


def test_versions_short_help_and_completion(hearsay: Hearsay) -> None:
    assert hearsay("--version").stdout == "hearsay 0.1.0\n"
    assert hearsay("-h").stdout == hearsay("--help").stdout
    assert "--state" in hearsay("jobs", "list", "-h").stdout
    script = complete(hearsay, _HEARSAY_COMPLETE="source_bash")
    assert b"complete" in script and b"hearsay" in script
    words = {"COMP_WORDS": "hearsay trans", "COMP_CWORD": "1"}
    found = complete(hearsay, _HEARSAY_COMPLETE="complete_bash", **words)
    assert found.split() == [b"transcribe"]


def complete(hearsay: Hearsay, **variables: str) -> bytes:
    """Return what the installed command, whose name matters here, prints for the shell."""
    return subprocess.run(
        [HEARSAY], capture_output=True, env=hearsay.environment(variables), cwd=hearsay.folder
    ).stdout


def test_help_imports_nothing_that_does_the_work() -> None:
    """It takes 0.2 s of processor time; with the program it took 1.3 s."""
    script = (
        "import sys; from bots.cli import main; sys.argv = ['hearsay', 'say', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "--voice" in done.stdout
    slow = {"asyncio", "pydantic_settings", "sqlalchemy", "structlog", "httpx", "av", "core.config"}
    assert slow & set(done.stderr.split()) == set()


def test_errors_name_the_address_the_file_and_the_disk(hearsay: Hearsay, mimo: MimoServer) -> None:
    (hearsay.folder / "memo.wav").write_bytes(make_recording((1, 2, 3)))
    nobody = {"OPENAI_BASE_URL": "http://user:canary0123456789canary@127.0.0.1:1/v1"}
    done = hearsay("jobs", "list", DATABASE_URL="sqlite:////proc/nowhere/x.db")
    assert done.returncode == 74 and "/proc/nowhere/x.db" in done.stderr
    for output in ("/dev/full", "nowhere/x.txt"):
        done = hearsay("transcribe", "memo.wav", "-o", output, **at(mimo))
        assert (done.returncode, done.stderr[: len(output) + 2]) == (1, f"{output}: ")
    done = hearsay("doctor", **nobody)
    assert done.returncode == 69 and "the connection to 127.0.0.1:1 failed" in done.stdout


def test_streams_may_be_closed_full_or_left(hearsay: Hearsay, mimo: MimoServer) -> None:
    (hearsay.folder / "memo.wav").write_bytes(make_recording((1, 2, 3)))

    def run(line: str) -> tuple[int, str]:
        """Return the exit code and what stands on stderr, as a shell sees them."""
        script = line.replace("hearsay", str(HEARSAY))
        environment = hearsay.environment(at(mimo))
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {script}"],
            capture_output=True, text=True, env=environment, cwd=hearsay.folder,
        )  # fmt: skip
        return done.returncode, done.stderr

    assert run("hearsay transcribe memo.wav >out.txt 2>&-") == (0, "")
    assert (hearsay.folder / "out.txt").read_text() == "w1 w2 w3\n"
    assert run("hearsay transcribe - <&-") == (1, "stdin: This file is empty.\n")
    assert run("hearsay say Hi. -o - >&-") == (0, "")
    assert run("hearsay transcribe memo.wav memo.wav | true") == (1, "")
    for command in ("transcribe memo.wav", "say Hi. -o -"):
        code, told = run(f"hearsay {command} >/dev/full")
        assert code and "stdout: No space left on device\n" in told


def test_settings_are_understood_in_any_case_and_with_spaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "LOG_LEVEL": " debug ", "LOG_FORMAT": "JSON", "TELEGRAM_BOT_TOKEN": f"  {TOKEN}\n",
        "MIMO_BASE_URL": " https://x/v1 ",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")
    assert settings.secret("telegram_bot_token") == TOKEN
    assert settings.mimo_base_url == "https://x/v1"
