"""Replies to Discord messages: parts, routes, sending, live messages, threads."""
