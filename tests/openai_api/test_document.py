"""The commands of the API's document, as they stand there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documents.blocks import followed_by
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.openai_api_server import KEY, ApiServer
from tests.support.paths import ROOT

pytestmark = [
    # The servers are on the loop of all tests here.
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not shutil.which("curl"), reason="no curl here (apt install curl)"),
]

#: Address and key of the document's server: the one thing that differs here.
ADDRESS = "URL=http://127.0.0.1:8765/v1 KEY=the-key-from-your-env-file"


def read_commands() -> list[str]:
    [block] = followed_by("tests/openai_api/test_document.py::test_each_command_runs_as_written")
    first, *commands = block.text.strip().split("\n\n")
    assert first == ADDRESS
    return commands


COMMANDS = read_commands()


def run(command: str, api: ApiServer, folder: Path) -> str:
    if not (folder / "tests").exists():
        (folder / "tests").symlink_to(ROOT / "tests")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "URL": api.base_url, "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
async def test_each_command_runs_as_written(
    command: str, api: ApiServer, mimo: MimoServer, tmp_path: Path
) -> None:
    # A thread: the server runs here.
    told = await asyncio.to_thread(run, command, api, tmp_path)
    assert '"error"' not in told
    if "/models" in command:
        assert [one["id"] for one in json.loads(told)["data"]] == [
            *("mimo-v2.5-asr", "mimo-v2.6-flash", "mimo-v2.5-tts")
        ]
    elif "srt" in command:
        assert re.match(r"1\n00:00:00,\d{3} --> 00:00:0[1-7],\d{3}\n", told)
    elif "stream=true" in command:
        events = [json.loads(line[6:]) for line in told.splitlines() if line]
        assert events[-1]["type"] == "transcript.text.done"
        deltas = [event["delta"] for event in events[:-1]]
        assert deltas and "".join(deltas) == events[-1]["text"]
    elif "transcriptions" in command:
        assert json.loads(told)["text"]
    elif "speech" in command and "morning.mp3" in command:
        assert len(audio_samples.decode((tmp_path / "morning.mp3").read_bytes())) > 16_000
    else:
        assert json.loads(told)["choices"][0]["message"]["content"]
        assert mimo.requests[-1].question == "What may I ask?"
        assert [sound["duration_s"] for sound in mimo.requests[-1].recordings] == [11.0]


async def test_all_commands_are_there() -> None:
    paths = ["/models", *["/audio/transcriptions"] * 3, "/audio/speech", "/chat/completions"]
    found = [re.findall(r"\$URL(/[a-z/]+)", command) for command in COMMANDS]
    assert found == [[path] for path in paths]
