"""How the database grows: one file per change, in order."""
