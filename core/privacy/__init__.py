"""What is kept of people and for how long, and the form in which they get it."""
