"""The durable road: messages, jobs, results, deliveries."""
