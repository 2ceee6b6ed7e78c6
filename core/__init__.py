"""The assistant. It knows no chat platform."""
