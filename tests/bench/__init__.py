"""`make bench`: what can be measured without a GPU, as ratios inside one run."""
