"""Commands that nobody types or presses: they follow from what happens in a chat."""
