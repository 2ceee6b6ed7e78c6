"""What attackers try, and the tests that show what becomes of it; see `make security`."""
