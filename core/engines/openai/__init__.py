"""Any server with OpenAI's endpoints for audio and chat."""
