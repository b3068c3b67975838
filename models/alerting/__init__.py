"""Alerts as data and what people say about them."""
