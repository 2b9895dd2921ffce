"""What a run directory holds: its layout, its lock, its record."""
