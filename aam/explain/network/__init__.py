"""Methods that look into the networks of a model: gradients along a path, and weights of attention."""
