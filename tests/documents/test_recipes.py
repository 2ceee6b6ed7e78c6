"""The recipes of CONTRIBUTING.md do what they promise when they are followed to the letter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.documents.blocks import Block, read_blocks
from tests.documents.recipes import copy_checkout, read_steps, run
from tests.support.paths import SPEECH

RECIPES = ("Add a command", "Add an engine", "Add a platform")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path)


def follow(copy: Path, blocks: list[Block]) -> None:
    for step in read_steps(blocks):
        step.apply(copy)


def test_a_command_answers_and_is_listed_in_help(copy: Path, blocks: list[Block]) -> None:
    """The recipe's own test runs the real assistant on a real database."""
    follow(copy, blocks)
    said = run(copy, "python", "-m", "pytest", "-q", "tests/commands/test_count.py")
    assert "2 passed" in said
    code = "from core.commands import menu; print([name for name, _ in menu()])"
    assert "'find', 'count', 'mode'" in run(copy, "python", "-c", code)


WHICH_ENGINES = """
from core.config import Settings
from core.engines import Engines
from core.errors import ConfigError

engines = Engines(Settings())
print(engines.transcriber().name, engines.answerer().name, engines.synthesizer().name)
for role in ("answerer", "synthesizer"):
    try:
        getattr(Engines(Settings(**{role: "whisper"})), role)()
    except ConfigError as error:
        print(error)
"""


def test_an_engine_is_used_for_its_role_alone(copy: Path, blocks: list[Block]) -> None:
    follow(copy, blocks)
    assert "offline offline offline" in run(copy, "python", "-c", WHICH_ENGINES)
    with whisper_server() as address:
        said = run(copy, "python", "-c", WHICH_ENGINES, WHISPER_BASE_URL=address)
        assert "whisper offline offline\nANSWERER is 'whisper'" in said
        assert "SYNTHESIZER is 'whisper'" in said
        arguments = ("python", "-m", "bots", "transcribe", str(SPEECH / "cards-001.wav"))
        assert "Heard by whisper.cpp." in run(copy, *arguments, WHISPER_BASE_URL=address)


@contextmanager
def whisper_server() -> Iterator[str]:
    """Serve what the server of whisper.cpp answers to POST /inference."""

    class Inference(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["content-length"]))
            is_good = self.path == "/inference" and b"RIFF" in form and b'"language"' in form
            self.send_response(200 if is_good else 400)
            self.end_headers()
            self.wfile.write(b'{"text": " Heard by whisper.cpp.\\n"}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Inference) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


#: Runs the program beside an IRC server with one person, who asks for help and reads the reply.
TALK_OVER_IRC = """
import asyncio, os, signal
from bots.start import run
from core.config import Settings

async def serve(reader, writer):
    assert await reader.readline() == b"NICK hearsay\\r\\n"
    writer.write(b":ada!a@host PRIVMSG hearsay :!help\\r\\nPING :1\\r\\n")
    lines = [(await reader.readline()).decode().rstrip()]
    while not lines[-1].startswith("PRIVMSG ada :/help"):
        lines.append((await reader.readline()).decode().rstrip())
    print(*lines, sep="\\n")
    os.kill(os.getpid(), signal.SIGTERM)

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await run(Settings(irc_server=f"127.0.0.1:{port}", web_port=0))

asyncio.run(main())
"""


def test_a_platform_is_started_and_takes_messages(copy: Path, blocks: list[Block]) -> None:
    follow(copy, blocks)
    said = run(copy, "python", "-c", TALK_OVER_IRC)
    assert "PONG :1" in said
    assert "\nPRIVMSG ada :/transcribe" in said


def test_all_recipes_together_keep_the_rules(copy: Path) -> None:
    """Layers, lint and format, and the tests that hold tables, settings and documents together."""
    blocks = read_blocks("CONTRIBUTING.md")
    follow(copy, [one for one in blocks for name in RECIPES if one.is_meant(f"## {name}")])
    assert " 0 broken" in run(copy, "lint-imports", "--no-cache")
    code = ("bots", "core", "tests/commands")
    run(copy, "ruff", "check", "--no-cache", *code)
    run(copy, "ruff", "format", "--check", "--no-cache", *code)
    tests = ("tests/test_tables.py", "tests/test_env_example.py")
    assert " passed" in run(copy, "python", "-m", "pytest", "-q", *tests)
