"""Slash commands, menus, buttons and forms."""
