"""Answers questions with one engine; every answer that was paid for is kept."""
