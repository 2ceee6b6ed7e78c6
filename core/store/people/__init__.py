"""What is kept of people: accounts, links between them, voices."""
