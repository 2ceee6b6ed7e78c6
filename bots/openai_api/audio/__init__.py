"""The audio endpoints: transcriptions, translations and speech."""
