"""The work: intake, jobs, deliveries, paid results, schedules."""
