"""Faust agents: read a micro-batch, call the core, write, then acknowledge."""
