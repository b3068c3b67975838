"""Programs that write metrics to the `metrics` topic: of this host, of files, of simulated services."""
