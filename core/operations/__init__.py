"""What the person who runs the program needs: status, model probes, alerts."""
