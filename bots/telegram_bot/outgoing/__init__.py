"""Outgoing: replies and live progress become messages."""
