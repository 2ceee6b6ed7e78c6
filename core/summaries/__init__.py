"""Summaries of a talk, with links to the messages they are based on."""
