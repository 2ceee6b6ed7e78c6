"""People: accounts, links between them, voices."""
