"""Connections to Discord: gateway, REST, pacing."""
