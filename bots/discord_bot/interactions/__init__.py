"""Interactions: slash commands, message menus, buttons, modals, autocomplete."""
