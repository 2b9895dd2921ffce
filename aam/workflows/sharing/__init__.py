"""Models that travel: the user's index of models, and to and from model hubs."""
