"""Summaries of a group's talk, with evidence: what is asked, read and shown. Pure."""
