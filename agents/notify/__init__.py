"""The notify agent: alerts to Alertmanager, and the outbox on its way to Kafka."""
