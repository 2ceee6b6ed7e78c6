"""For the operator: statistics, retention, probes."""
