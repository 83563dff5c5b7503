"""Standard task types."""
