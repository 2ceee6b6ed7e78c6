"""The Telegram platform: messages in, replies out, over the Bot API.

Nothing is imported here: its client is loaded before the rest.
"""
