"""For the operator: statistics, retention, allowances, probes."""
