"""Backups: a whole database in one encrypted file, and the way back.

Loaded by `hearsay backup` and `hearsay restore`, and before a migration.
"""
