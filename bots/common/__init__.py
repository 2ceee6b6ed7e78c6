"""Code that the platforms share."""
