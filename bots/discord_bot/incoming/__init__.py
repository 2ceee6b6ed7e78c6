"""Events become messages."""
