"""How good predictions are: metrics, intervals, coverage, comparison with baselines."""
