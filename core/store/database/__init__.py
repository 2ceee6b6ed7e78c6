"""The database itself: connections, tables, migrations, encryption."""
