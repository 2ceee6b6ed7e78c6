"""Voice channels: joining them, and the audio that is played there."""
