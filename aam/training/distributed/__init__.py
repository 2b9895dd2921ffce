"""Several processes: where each stands, what they tell each other, and how the model is spread over them."""
