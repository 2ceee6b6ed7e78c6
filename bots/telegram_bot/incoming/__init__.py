"""Incoming: Telegram's updates become messages, and their recordings are downloaded."""
