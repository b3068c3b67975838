"""Ways to and from Alertmanager, and what follows from feedback."""
