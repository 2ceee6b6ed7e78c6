"""The settings and the proxies of docs/operations.md: real ones, in front of the real program.

Of the blocks the addresses alone are changed: sites are served by http on a free port of this
machine, and the program is on another one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dotenv import dotenv_values
from httpx import Client, HTTPTransport

from bots.web_chat.login_throttle import FREE_ATTEMPTS
from core.config import Settings
from core.models import ASK
from tests.deploy.conftest import PATH
from tests.documents.blocks import Block, read_blocks
from tests.documents.shell import Shell
from tests.emulators.telegram import TelegramServer
from tests.support.ports import free_port

SECRET = "canary-0123456789_ABCDEFGHIJKLMNOP"
PAGE, BOT = "hearsay.example.org", "bot.example.org"
#: What else the program serves on the port of the webhook.
OTHERS = ("/", "/livez", "/readyz", "/metrics", "/telegram", "/telegram/webhook/more")
_PATIENCE_S = 30


def write_settings(folder: Path, *blocks: Block) -> Path:
    """Write blocks of settings to .env, with a secret in place of what is left out."""
    path = folder / ".env"
    path.write_text("".join(block.text for block in blocks).replace("=…", f"={SECRET}"))
    return path


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a program with all settings of the document."""
    port, telegram = free_port(), TelegramServer()
    blocks = read_blocks("docs/operations.md")
    telegram.start()
    with Shell(
        tmp_path_factory.mktemp("proxies"), **telegram.settings, WEB_PORT=str(port)
    ) as shell:
        write_settings(shell.folder, *filter(lambda block: block.is_settings, blocks))
        with shell.start(".venv/bin/hearsay run"):
            yield port
    telegram.stop()


def is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a proxy until it is no longer needed; it is ready once it listens on the port."""
    if (program := shutil.which(command[0], path=f"{PATH}:/usr/sbin")) is None:
        pytest.skip(
            f"{command[0]} is not installed: make deploy has Caddy, apt install nginx-light"
        )
    with (folder / "log").open("wb") as log:
        variables = {"PATH": PATH, "HOME": str(folder)}
        process = subprocess.Popen([program, *command[1:]], env=variables, stdout=log, stderr=log)
    ends_s = time.monotonic() + _PATIENCE_S
    try:
        while not is_open(port):
            has_time = process.poll() is None and time.monotonic() < ends_s
            assert has_time, (folder / "log").read_text()
            time.sleep(0.02)  # another program starts
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def change(block: Block, **addresses: int) -> str:
    """Return a block with other addresses, each of which it has once."""
    text = block.text
    for address, port in addresses.items():
        found = {"program": "127.0.0.1:8765", "page": f"{PAGE} {{", "bot": f"{BOT} {{"}[address]
        assert text.count(found) == 1, block.place
        name = found.partition(" ")[0]
        local = f"127.0.0.1:{port}" if address == "program" else f"http://{name}:{port}"
        text = text.replace(name, local)
    return text


@contextmanager
def caddy(folder: Path, text: str, port: int) -> Iterator[None]:
    """Run Caddy with a site, and nothing else that it does by itself."""
    path = folder / "Caddyfile"
    path.write_text(f"{{\n admin off\n persist_config off\n}}\n{text}")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]
    with serving(command, port, folder):
        yield


def visit(port: int, host: str, visitor: str = "127.0.0.1") -> Client:
    """Return a client of a site, at an address of this machine."""
    headers = {"Host": host, "Origin": f"http://{host}", "Accept": "text/html"}
    return Client(
        base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False,
        transport=HTTPTransport(local_address=visitor, verify=False),
    )  # fmt: skip


def test_settings_of_access_are_understood(
    blocks: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_settings(tmp_path, *blocks)
    for name in dotenv_values(path):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123456:of-a-bot-that-is-set-up")
    settings = Settings(_env_file=path)  # type: ignore[call-arg]
    assert (settings.allowed_chats, settings.denied_chats) == ((ASK,), ())
    assert settings.admin_ids


@pytest.mark.real_time
def test_the_page_answers_behind_caddy(port: int, blocks: list[Block], tmp_path: Path) -> None:
    """Visitors are told apart: one guesses a password too often, and another one may try."""
    _, site = blocks
    public = free_port()
    with caddy(tmp_path, change(site, page=public, program=port), public):
        with visit(public, PAGE) as browser:
            assert "<html" in browser.get("/", follow_redirects=True).text
        with visit(public, PAGE, "127.0.0.2") as guesser:
            wrong = {"password": "wrong"}
            tries = [guesser.post("/login", json=wrong) for _ in range(FREE_ATTEMPTS + 2)]
            codes = [one.status_code for one in tries]
        assert codes == [403] * (FREE_ATTEMPTS + 1) + [429]
        with visit(public, PAGE, "127.0.0.3") as owner:
            assert owner.post("/login", json={"password": SECRET}).is_success


def check_webhook(public: int) -> None:
    """Check that a proxy passes the webhook on, and nothing else."""
    with visit(public, BOT) as telegram:
        update = {"update_id": 1}
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        assert telegram.post("/telegram/webhook", json=update, headers=headers).is_success
        assert telegram.post("/telegram/webhook", json=update).status_code in (401, 403)
        large = {"update_id": 2, "message": "x" * 900_000}
        assert telegram.post("/telegram/webhook", json=large, headers=headers).is_success
        for path in OTHERS:
            answer = telegram.get(path, headers=headers)
            assert answer.status_code == 404 or not answer.content, path


@pytest.mark.real_time
def test_the_webhook_alone_is_behind_caddy(port: int, blocks: list[Block], tmp_path: Path) -> None:
    _, site = blocks
    public = free_port()
    with caddy(tmp_path, change(site, bot=public, program=port), public):
        check_webhook(public)


@pytest.mark.real_time
def test_the_webhook_alone_is_behind_nginx(port: int, blocks: list[Block], tmp_path: Path) -> None:
    public = free_port()
    [site] = blocks
    paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{name}_temp_path {name};" for name in paths)
    path = tmp_path / "nginx.conf"
    # What it keeps is in the folder of the test, which root alone may write.
    user = "" if os.geteuid() else "user root;"
    server = f"server {{ listen 127.0.0.1:{public}; {change(site, program=port)} }}"
    path.write_text(
        f"daemon off; {user} pid pid; error_log stderr; events {{}}"
        f" http {{ {folders} access_log off; {server} }}"
    )
    with serving(["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(path)], public, tmp_path):
        check_webhook(public)
