"""The offline engine: pocketsphinx, espeak-ng, and passages picked by a rule."""
