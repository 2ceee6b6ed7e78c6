"""Moving everything from one database to another, as it is stored: see `core.store.moving.move`.

Nothing is decrypted, so the same key opens the copy. Loaded by `hearsay move` alone.
"""
