"""Recordings become transcripts, and transcripts become subtitles."""
