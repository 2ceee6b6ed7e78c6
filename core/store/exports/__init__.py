"""Everything that is kept of one person, for /export."""
