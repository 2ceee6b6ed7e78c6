"""Runs the server as a process."""

from tests.emulators.common import run_alone
from tests.emulators.telegram.server import TelegramServer

run_alone(TelegramServer, "api_base_url", "file_base_url")
