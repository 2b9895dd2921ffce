"""Report sections on several studies."""
