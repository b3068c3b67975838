"""The trainer agent: retrain requests to judged, registered and announced models."""
