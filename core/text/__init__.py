"""Pure text work that several rooms share: scripts, sentences, tokens."""
