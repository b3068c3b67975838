"""Bytes of our own making: columns, Kafka record batches, score events, files of arrays."""
