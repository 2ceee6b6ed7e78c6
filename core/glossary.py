"""Words that are always heard wrongly, and what is meant: applied where a text is shown. Pure."""
