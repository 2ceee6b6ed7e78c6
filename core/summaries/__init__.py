"""Summaries of a talk: what is meant, what a model is told, how its points are read. Pure."""
