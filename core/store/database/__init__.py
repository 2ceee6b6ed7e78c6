"""Connections, tables, migrations, encryption."""
