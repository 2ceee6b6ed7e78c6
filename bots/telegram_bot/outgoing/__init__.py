"""Replies become messages of Telegram."""
