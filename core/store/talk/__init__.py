"""Remembered talk: messages, search, deletion on request."""
