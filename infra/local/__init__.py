"""The embedded stack: the services Tidewatch needs, run as child processes on loopback addresses."""
