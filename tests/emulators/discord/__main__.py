"""Runs the server as a process."""

from tests.emulators.common import run_alone
from tests.emulators.discord.server import DiscordServer

run_alone(DiscordServer, "base_url", "api_base_url")
