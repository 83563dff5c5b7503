"""State backend on SQLAlchemy Core: the default store, on SQLite."""
