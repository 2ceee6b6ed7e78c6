"""Local servers that stand in for the services, as strict as their documents."""
