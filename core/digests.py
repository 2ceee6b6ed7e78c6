"""When a digest is due: local times, weekdays, clocks that change. Pure."""
