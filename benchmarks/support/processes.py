"""Local servers and the bot as processes, statistics and tables, for all benchmarks."""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.audio_samples import file, speech
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
START_S = 30.0
#: Arguments of the Python interpreter.
HEARSAY = ("-m", "bots", "run")
#: Budgets that are kept like any others, and that no benchmark uses up.
_AMPLE = "99999 min/day, 99999 USD/day, 999999 requests/day"
_BUDGETS = dict.fromkeys(("BUDGET_PERSON", "BUDGET_CHAT", "BUDGET_KEY", "BUDGET_BOT"), _AMPLE)


class Emulator:
    """A local server in its own process, controlled over HTTP."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.addresses: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.http = httpx.Client(timeout=30.0)

    def do(self, method: str, /, **arguments: Any) -> Any:
        """Run one of the public methods of a local Telegram or Discord."""
        control = f"http://127.0.0.1:{self.addresses['port']}/control"
        answer = self.http.post(f"{control}/{method}", json=arguments).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(10)


class Telegram(Emulator):
    """The local Telegram server."""

    def __init__(self) -> None:
        super().__init__("tests.emulators.telegram")

    def send_voice(self, user: int, data: bytes, duration_s: int) -> int:
        data_base64 = base64.b64encode(data).decode()
        number: int = self.do(
            "send_voice", chat=user, user=user, data=data_base64, duration=duration_s
        )
        return number

    def wait_for_poll(self) -> None:
        """Wait until the bot's long poll is open."""
        wait_for(lambda: any(not poll["responded_at"] for poll in self.polls()))

    def polls(self) -> list[dict[str, Any]]:
        """Return the getUpdates requests, oldest first."""
        polls: list[dict[str, Any]] = self.do("requests_to", method="getUpdates")
        return polls


class Discord(Emulator):
    """The local Discord server."""

    def __init__(self) -> None:
        super().__init__("tests.emulators.discord")

    def send_voice(self, channel: str, user: str, data: bytes, duration_s: int) -> None:
        data_base64 = base64.b64encode(data).decode()
        arguments = {"channel": channel, "user": user, "data": data_base64}
        self.do("send_voice", duration=duration_s, **arguments)


class Mimo(Emulator):
    """The local MiMo server."""

    def __init__(self, *arguments: str) -> None:
        super().__init__("tests.emulators.mimo", *arguments)

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests to /chat/completions, oldest first."""
        found = self.http.get(f"{self.addresses['control']}/requests").json()["requests"]
        return [one for one in found if one["path"].endswith("/completions")]


@contextmanager
def bot(
    command: Sequence[str], telegram: Telegram, mimo: Mimo | None, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a bot with both servers in an empty folder; print its log if it does not start.

    command: arguments of the Python interpreter. more: further environment variables.
    """
    settings = {
        "TELEGRAM_BOT_TOKEN": telegram.addresses["token"],
        "TELEGRAM_API_BASE_URL": telegram.addresses["api_base_url"],
        "TELEGRAM_FILE_BASE_URL": telegram.addresses["file_base_url"],
    }
    if mimo:
        settings["MIMO_BASE_URL"] = mimo.addresses["base_url"]
        settings["MIMO_API_KEY"] = "sk-emulator-key"
    with program(telegram.wait_for_poll, command, **(settings | more)) as process:
        yield process


@contextmanager
def program(
    wait_until_ready: Callable[[], object], command: Sequence[str] = HEARSAY, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in an empty folder; print its log if it does not start, or fails at its end.

    settings: environment variables beside those that any of our programs needs.
    """
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HEARSAY_HOME": home,
            "WEB_PORT": str(free_port()),
            **_BUDGETS,
            **settings,
        }
        log = Path(home) / "log"
        full = [sys.executable, *command]
        with log.open("wb") as out:
            process = subprocess.Popen(full, cwd=home, env=environment, stdout=out, stderr=out)
        try:
            wait_until_ready()
            yield process
        except TimeoutError:
            print(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            process.terminate()
            if process.wait(20):
                print(log.read_text(errors="replace")[-4000:])


def wait_for(condition: Callable[[], Any], timeout_s: float = START_S, step_s: float = 0.02) -> Any:
    """Wait until `condition()` is true and return its value. Raises TimeoutError."""
    end_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            raise TimeoutError("the condition did not become true")
        time.sleep(step_s)
    return value


def voice_notes(count: int, seconds: float) -> list[bytes]:
    """Return `count` different voice messages (OGG/Opus) of recorded speech."""
    size = int(seconds * 16_000) * 2
    whole = speech(seconds + count * 0.4)
    starts = (int(n * 0.4 * 16_000) * 2 for n in range(count))
    return [file("ogg-opus", whole[start : start + size]) for start in starts]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def show(title: str, rows: Sequence[Sequence[object]]) -> None:
    """Print a table; the first row is its header."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    print(f"\n{title}")
    for row in cells:
        first, *rest = (
            cell.ljust(w) if not n else cell.rjust(w)
            for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]))


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
