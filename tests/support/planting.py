"""Mistakes that can be made in a setup, each as a function that makes it in a good one."""

from __future__ import annotations

import socket
from collections import namedtuple
from collections.abc import Awaitable, Callable

import telegram as sdk
from cryptography.fernet import Fernet

from tests.support.clean_start import ask_database
from tests.support.doctor_world import DoctorWorld
from tests.support.hearsay_command import TOKEN

#: Nothing listens there.
NOWHERE = "http://127.0.0.1:1"
SECRET = "canary-0123456789_ABCDEFGHIJKLMNOP"
Plant = Callable[[DoctorWorld], Awaitable[None] | None]


def put(**settings: str) -> Plant:
    """Plant settings."""
    return lambda world: world.settings.update(settings)


def open_up(name: str, mode: int) -> Plant:
    """Let others read a file or folder."""

    def plant(world: DoctorWorld) -> None:
        world.folder.chmod(0o755)
        (world.folder / ".env").touch(0o600)
        path = world.folder / name
        if path.name == "secret.key":
            world.home.chmod(0o755)
        path.chmod(mode)

    return plant


async def set_webhook(world: DoctorWorld, url: str) -> None:
    async with sdk.Bot(TOKEN, base_url=world.telegram.api_base_url) as bot:
        await bot.set_webhook(url)


async def foreign_webhook(world: DoctorWorld) -> None:
    await set_webhook(world, "http://127.0.0.1:1/canary")


def no_webhook(world: DoctorWorld) -> None:
    world.settings |= {"TELEGRAM_WEBHOOK_URL": NOWHERE, "TELEGRAM_WEBHOOK_SECRET": SECRET}
    ann = world.telegram.add_user("Ben")
    world.telegram.send_text(ann, ann, "hello")


async def failing_webhook(world: DoctorWorld) -> None:
    no_webhook(world)
    await set_webhook(world, f"{NOWHERE}/telegram/webhook")
    await world.telegram.wait_for(lambda: "last_error_date" in world.telegram.webhook())


def no_groups(world: DoctorWorld) -> None:
    world.telegram.world.can_join_groups = False


def session_starts(world: DoctorWorld) -> None:
    now = world.discord.world.clock.monotonic()
    world.discord.api.identifies = [now] * 1000


def hidden_channel(world: DoctorWorld) -> None:
    world.discord.deny(world.channel, "", "SEND_MESSAGES", "ATTACH_FILES")


def wrong_clock(world: DoctorWorld) -> None:
    date = (b"date", b"Tue, 01 Jan 2030 00:00:00 GMT")
    world.mimo._server.server_state.default_headers = [date]


def damage(world: DoctorWorld) -> None:
    path = world.home / "hearsay.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xaa" * 4096
    path.write_bytes(data)


def set_schema(version: str) -> Plant:
    """Say that the database has another schema."""

    def plant(world: DoctorWorld) -> None:
        ask_database(world.home, "UPDATE alembic_version SET version_num = ?", version)

    return plant


def lost_key(world: DoctorWorld) -> None:
    (world.home / "secret.key").unlink()


def other_key(world: DoctorWorld) -> None:
    world.settings["HEARSAY_SECRET_KEY"] = Fernet.generate_key().decode()


def full_disk(world: DoctorWorld) -> None:
    usage = namedtuple("usage", "total used free")
    world.patch.setattr("shutil.disk_usage", lambda _: usage(2**30, 2**30 - 2**20, 2**20))


def taken_port(world: DoctorWorld) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    world.sockets.append(taken)
    world.settings["WEB_PORT"] = str(taken.getsockname()[1])


def old_package(world: DoctorWorld) -> None:
    folder = world.folder / "packages" / "aiohttp-3.13.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: aiohttp\nVersion: 3.13.0\n")
    world.patch.syspath_prepend(folder.parent)


def no_speech(world: DoctorWorld) -> None:
    world.patch.setattr("core.engines.offline.espeak.find_program", lambda: None)
    world.patch.setattr("core.engines.offline.espeak.has_library", lambda: False)
    world.settings["SYNTHESIZER"] = "offline"


def home_file(world: DoctorWorld) -> None:
    file = world.folder / "file"
    file.touch()
    world.settings["HEARSAY_HOME"] = str(file)


def kick(world: DoctorWorld) -> None:
    world.telegram.kick(world.group)


def mute(world: DoctorWorld) -> None:
    world.telegram.change(world.group, is_write_forbidden=True)


def gone_channel(world: DoctorWorld) -> None:
    world.discord.delete_channel(world.channel)


def empty_account(world: DoctorWorld) -> None:
    world.mimo.add_fault("402", times=None)
