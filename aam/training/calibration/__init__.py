"""The calibrated start: what is set from the data before the first step."""
