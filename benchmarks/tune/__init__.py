"""What a search of 50 trials brings on real studies, and how fast it is."""
