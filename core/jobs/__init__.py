"""Running jobs: with one process on SQLite, with any number of them on PostgreSQL."""
