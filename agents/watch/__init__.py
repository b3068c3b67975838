"""The watch agent: samples to scores, SLO counts, anomalies and alerts, each exactly once."""
