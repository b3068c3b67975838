"""Kafka's topics."""
