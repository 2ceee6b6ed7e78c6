"""Database migrations: one file per change, in order."""
