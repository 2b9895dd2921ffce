"""What must work at size: makers of large inputs, and what it takes to use them."""
