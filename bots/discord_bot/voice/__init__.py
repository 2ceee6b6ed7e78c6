"""Voice channels."""
