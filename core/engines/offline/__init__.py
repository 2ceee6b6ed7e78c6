"""This machine alone: pocketsphinx, espeak-ng, and passages picked by a rule."""
