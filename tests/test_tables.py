"""Every entry of the plug-in tables loads and satisfies its contract."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from bots import PLATFORMS, TOKEN_SETTINGS
from bots.program import build_platforms
from core.commands import COMMANDS, load_command, menu
from core.config import Settings
from core.engines import ENGINES
from core.interfaces import Answerer, Platform, Synthesizer, Transcriber
from tests.support.fake_inbox import FakeInbox, make_settings
from tests.support.paths import ROOT

COMMANDS_FOLDER = ROOT / "core" / "commands"
#: What commands share, which is none itself.
SHARED = {"__init__", "arguments", "context", "deletion", "voice_channels"}


def test_every_file_of_commands_is_in_the_table() -> None:
    places = {place.partition(":")[0] for place in COMMANDS.values()}

    def name(path: Path) -> str:
        """Return the module of a file; that of a part of a command is the command."""
        folder = ".".join(path.parent.parts)
        return folder if folder in places else ".".join(path.with_suffix("").parts)

    paths = [path.relative_to(ROOT) for path in COMMANDS_FOLDER.rglob("*.py")]
    assert {name(one) for one in paths if one.stem not in SHARED or name(one) in places} == places


def test_every_command_loads() -> None:
    commands = [load_command(name) for name in COMMANDS]
    assert all(bool(command.help) == command.is_listed for command in commands)


def test_the_menu_fits_telegram() -> None:
    # Bot API: 1-32 characters of a-z, 0-9 and _; descriptions of 1-256; at most 100 commands.
    for name, command in menu():
        assert name.islower() and len(name) <= 32
        assert 1 <= len(command.help) <= 256
    assert 1 <= len(menu()) <= 100


async def test_engines_keep_their_contract() -> None:
    contracts = {"transcriber": Transcriber, "answerer": Answerer, "synthesizer": Synthesizer}
    assert ENGINES.keys() == contracts.keys()
    for role, engines in ENGINES.items():
        for name, place in engines.items():
            module, attribute = place.split(":")
            kind = getattr(import_module(module), attribute)
            required = {kind.requires.lower(): "http://127.0.0.1:1/v1"} if kind.requires else {}
            settings = make_settings(**required)
            assert kind.is_configured(settings)
            assert not kind.requires or not kind.is_configured(make_settings())
            engine = kind(settings)
            assert engine.name == name
            contract = contracts[role]
            members = {*vars(contract), *contract.__annotations__}
            wanted = {one for one in members if not one.startswith("_")}
            assert {"name", "limits", "model", "close"} < wanted <= set(dir(engine))
            await engine.close()


async def test_platforms_keep_their_contract() -> None:
    tokens = dict.fromkeys(TOKEN_SETTINGS.values(), "123456:token")
    platforms = build_platforms(make_settings(**tokens, web_port=0), FakeInbox())
    assert list(platforms) == list(PLATFORMS)
    for name, platform in platforms.items():
        assert platform.name == name
        members = {one for one in vars(Platform) if not one.startswith("_")}
        assert {"run", "fetch", "deliver"} < members <= set(dir(platform))
        await platform.close()


def test_what_switches_a_platform_on_is_a_setting() -> None:
    assert set(TOKEN_SETTINGS) <= set(PLATFORMS)
    assert set(TOKEN_SETTINGS.values()) <= set(Settings.model_fields)


def test_what_is_not_used_is_not_even_loaded() -> None:
    """The SDK of a platform that is off, or PostgreSQL, would take memory and time."""
    code = (
        "import sys; from bots.program import build_platforms, preload\n"
        "from core.config import Settings; from tests.support.fake_inbox import FakeInbox\n"
        "settings = Settings(_env_file=None, web_port=0); preload(settings)\n"
        "found = build_platforms(settings, FakeInbox())\n"
        "assert list(found) == ['web']\n"
        "unused = {'psycopg', 'procrastinate', 'obstore', 'sqlalchemy.dialects.postgresql'}\n"
        "assert not {'discord', 'telegram', *unused} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"HOME": "/"})
