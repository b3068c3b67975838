"""Adapters and services around the core: settings, PostgreSQL, Kafka tools, MLflow, Alertmanager, command line."""
