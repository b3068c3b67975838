"""Ordinary days: what happens to a service, and what a careful on-call engineer expects to hear of it."""
