"""README's commands in Debian systems that hold nothing else: `make roots`, as root on Debian.

For each system: `make run` without python3-venv says what to install; with it, a half-made
environment is replaced and the program answers; with the token of a bot in .env it transcribes a
voice message of the local Telegram server. The wheel is built and installed as docs/deploying.md
says, and runs from another folder, and where systemd has booted. `make test` passes (TESTS names a
part of it).
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support.processes import Telegram, wait_for
from tests import systemd_root
from tests.documents.blocks import followed_by
from tests.support.audio_samples import decode, file, recording
from tests.support.debian_root import enter, make_root, run
from tests.support.paths import ROOT

#: Release of Debian and its Python: stable, and what the next ones will bring.
SYSTEMS = (("stable", "python3"), ("sid", "python3"), ("sid", "python3.15"))
_PACKAGES = "ca-certificates,git,make,python3"
_PORT = 8790


class BareRoot:
    """One system in a folder, with a copy of the checkout in /src."""

    def __init__(self, folder: Path, release: str, python: str) -> None:
        self.folder, self.python = folder / f"{release}-{python}", python
        self.release = release
        make_root(self.folder, release, _PACKAGES)
        # What an earlier run has left: a checkout, and a database that knows the messages.
        for name in ("src", "root/.hearsay"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        names = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
        for name in filter(lambda name: (ROOT / name).exists(), names):
            (self.folder / "src" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / "src" / name)
        self("git init -q && git add -A")

    def command(self, script: str) -> Sequence[str | Path]:
        """Return the command that runs `script` in the checkout there."""
        settings = {"HOME": "/root", "LC_ALL": "C.UTF-8", "WEB_PORT": str(_PORT)}
        return enter(self.folder, f"cd /src; {script}", settings | {"PYTHON": self.python})

    def __call__(self, script: str) -> str:
        return run(*self.command(f"({script}) 2>&1"))

    @contextmanager
    def running(self, line: str) -> Iterator[str]:
        """Run the line that starts the program; yield what /livez answers."""
        with subprocess.Popen(self.command(line), stdout=subprocess.DEVNULL) as program:
            try:
                yield ask_health(program)
            finally:
                program.kill()


def ask_health(program: subprocess.Popen[bytes], port: int = _PORT) -> str:
    """Wait until the program answers, fifteen minutes at most."""
    for _ in range(900):
        if program.poll() is not None:
            raise SystemExit(f"make run ended: {program.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez") as reply:
                return str(reply.read().decode())
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            time.sleep(1)  # another system starts it
    raise SystemExit("make run does not answer")


def transcribe(root: BareRoot, start: str) -> str:
    """Follow the README's section on Telegram; return the transcript of a voice message."""
    telegram = Telegram()
    person = telegram.do("add_user")
    note = file("ogg-opus", decode(recording("cards-001.wav")))
    lines = (
        f"TELEGRAM_BOT_TOKEN={telegram.addresses['token']}",
        f"TELEGRAM_API_BASE_URL={telegram.addresses['api_base_url']}",
        f"TELEGRAM_FILE_BASE_URL={telegram.addresses['file_base_url']}",
    )
    root(f"printf '%s\\n' {' '.join(lines)} > .env")

    def find_transcript() -> list[str]:
        replies = telegram.do("replies", chat=person)
        return [one["text"] for one in replies if "ten of clubs" in one.get("text", "")]

    try:
        with root.running(start):
            telegram.wait_for_poll()
            telegram.send_voice(person, note, 2)
            wait_for(find_transcript)
            return find_transcript()[-1]
    finally:
        telegram.close()
        root("rm .env")


def install_package(root: BareRoot) -> str:
    """Follow docs/deploying.md; return what the installed program says of itself elsewhere."""
    [block] = followed_by("tests/bare_roots.py::install_package")
    commands = block.text
    root(f"rm -rf /opt/hearsay dist; set -e; {commands.replace('python3 -m', f'{root.python} -m')}")
    command = "cd /; /opt/hearsay/bin/hearsay"
    return root(f"{command} --version; {command} migrate; {command} doctor | grep -c ^ok")


def try_system(root: BareRoot, tests: str) -> None:
    """Follow the README in one system, and print what happens."""
    [block] = followed_by("tests/bare_roots.py::try_system")
    start, test = block.commands
    venv = f"{root.python}-venv"
    root(f"apt-get update -q; apt-get install -y -q {root.python}")
    root('apt-get purge -y -q "python3*-venv"')
    missing = root(f"mkdir -p .venv/bin; {start} || true")
    assert f"apt install {venv}" in missing, missing
    root(f"apt-get install -y -q --no-install-recommends {venv}; mkdir -p .venv/bin")
    began = time.monotonic()
    with root.running(start) as health:
        print(f"  {start} answers after {time.monotonic() - began:.0f} s: {health}", flush=True)
    print(f"  a voice message: {transcribe(root, start)!r}", flush=True)
    print(f"  {time.monotonic() - began:.0f} s since the first command", flush=True)
    print(root("make doctor || true"), flush=True)
    print(f"  as a package: {install_package(root).split(chr(10))}", flush=True)
    if root.release == "stable":
        root(f"apt-get install -y -q --no-install-recommends {systemd_root.PACKAGES}")
        print(systemd_root.follow(root.folder, _PORT), flush=True)
    # `tail` would hide that tests fail.
    tested = root(f'({test} TESTS="{tests}" || echo FAILED) | tail -n 200')
    print(tested, flush=True)
    assert not tested.endswith("FAILED\n"), f"{root.python}: tests fail"


def main() -> None:
    """Try every system, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/hearsay-roots"))
    parser.add_argument("--system", help="such as sid-python3.15; default: all")
    parser.add_argument("--tests", default="tests/cli tests/audio", help="empty: all")
    options = parser.parse_args()
    for release, python in SYSTEMS:
        if options.system in (None, f"{release}-{python}"):
            print(f"{release}, {python}", flush=True)
            try_system(BareRoot(options.folder, release, python), options.tests)


if __name__ == "__main__":
    main()
