"""The engine over Xiaomi MiMo's API."""
