"""Local Telegram, Discord, MiMo and OpenAI servers, as strict as the documentation of each API."""
