"""What engines that speak HTTP share."""
