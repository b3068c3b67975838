"""Use cases around SLOs: evaluate, explain, forecast, simulate, exclude, propose."""
