"""Command line of the local Discord server: `python -m tests.emulators.discord`."""

from tests.emulators.common import run_alone
from tests.emulators.discord.server import DiscordServer

run_alone(DiscordServer, "base_url", "api_base_url")
