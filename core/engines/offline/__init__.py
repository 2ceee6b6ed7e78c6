"""The engine of this machine alone: nothing leaves it."""
