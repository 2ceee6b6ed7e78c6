"""Speech synthesis: speakable text, styles, voices and consent."""
