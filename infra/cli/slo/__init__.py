"""The commands of `tidewatch slo`."""
