"""`python -m bots` is `hearsay`."""

from bots.cli import main

main()
