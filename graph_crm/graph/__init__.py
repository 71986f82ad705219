"""The database room: engine, connection, migrations, the mapping and the compiler. It knows nothing of banks."""
