"""Command line of the local Telegram server: `python -m tests.emulators.telegram`."""

from tests.emulators.common import run_alone
from tests.emulators.telegram.server import TelegramServer

run_alone(TelegramServer, "api_base_url", "file_base_url")
