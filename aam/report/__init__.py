"""What a run found, judged and shown: metrics with intervals, baselines, figures and the page that holds them."""
