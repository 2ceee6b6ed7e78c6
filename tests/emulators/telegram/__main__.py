"""Runs the server as a process: prints its addresses as JSON, stops at SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.emulators.telegram.server import TelegramServer


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server = TelegramServer(port=parser.parse_args().port)
    server.start()
    addresses = {
        "port": server.port,
        "token": server.token,
        "api_base_url": server.api_base_url,
        "file_base_url": server.file_base_url,
    }
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
    signal.sigwait(signals)
    server.stop()


main()
