"""The engine over any server with the OpenAI endpoints for audio and chat."""
