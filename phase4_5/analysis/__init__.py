"""What records tell: metrics, failure modes, statistics, the recommendation. Pure functions."""
