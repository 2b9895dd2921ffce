"""What explanations find of a truth that is known, and how sure they are of it."""
