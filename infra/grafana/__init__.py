"""Grafana's provisioning and dashboards, and what runs their queries without a Grafana."""
