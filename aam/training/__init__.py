"""Training: the plan, the step, the run."""
