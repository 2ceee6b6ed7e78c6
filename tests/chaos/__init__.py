"""The promise of the road, with the real program killed and started again."""
