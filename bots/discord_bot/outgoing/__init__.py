"""Replies become messages of Discord."""
