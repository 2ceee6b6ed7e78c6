"""Commands that come from buttons under a reply."""
