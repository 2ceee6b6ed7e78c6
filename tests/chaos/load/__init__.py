"""The program under load, in one process on SQLite and in several on PostgreSQL."""
