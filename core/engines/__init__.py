"""Who hears, thinks and speaks. A new engine is one file here and one line in this table."""
