"""What is remembered of chats: messages, search, digests, forgetting."""
