"""Corrections of words that the engine keeps mishearing, applied when a text is shown."""
