"""For the operator: status, model probes, alerts."""
