"""Xiaomi MiMo's API."""
