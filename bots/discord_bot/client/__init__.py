"""Connections to Discord: the gateway, its sessions and heartbeats, and the pace of requests."""
