"""How good a model is on studies that were left out, one by one."""
