"""What the operator needs: statistics, retention, allowances, probes."""
