"""Micro-batches from and to Kafka."""
