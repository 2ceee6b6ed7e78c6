"""Questions about recordings and texts: what is asked of the engine, and its answer."""
