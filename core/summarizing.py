"""How a talk becomes a summary: voice notes heard, parts summarised, then all together."""
