"""The demonstration: metrics of this machine, simulated services with incidents, and what Tidewatch made of them."""
