"""Memory: what may be used, what a step is expected to take, and how its samples are laid out so that it fits."""
