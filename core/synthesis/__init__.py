"""Text becomes speech: speakable text, styles, voices and consent."""
