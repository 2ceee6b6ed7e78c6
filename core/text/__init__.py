"""Text utilities that several packages share: scripts, sentences, tokens. Pure."""
