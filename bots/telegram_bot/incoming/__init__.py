"""Updates become messages."""
