"""Tests that kill the real program at chosen moments and start it again."""
