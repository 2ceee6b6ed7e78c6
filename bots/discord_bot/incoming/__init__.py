"""Gateway events to messages: intake, backfill after a lost session, downloads."""
