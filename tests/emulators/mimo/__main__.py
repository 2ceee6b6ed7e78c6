"""Command line of the local MiMo server; it prints its addresses as one line of JSON."""

from __future__ import annotations

import argparse
import json

from tests.emulators.local_server import listen, make_server
from tests.emulators.mimo.app import make_app
from tests.emulators.mimo.world import Rules, World


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.mimo", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--realtime-factor", type=float, default=0.0)
    args = parser.parse_args()
    listener = listen(args.port)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(json.dumps({"base_url": f"{origin}/v1", "control": f"{origin}/_control"}), flush=True)
    world = World(Rules(realtime_factor=args.realtime_factor))
    make_server(make_app(world)).run(sockets=[listener])


if __name__ == "__main__":
    main()
