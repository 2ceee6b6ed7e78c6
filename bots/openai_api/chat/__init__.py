"""Questions, also about recordings: chat completions, responses, and MiMo's dialect of chats."""
