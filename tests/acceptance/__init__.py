"""The acceptance tables: every row run through the whole program, from update to visible reply."""
