"""PostgreSQL for tests: a cluster of one's own, as any user, and pytest fixtures over it."""
