"""Why a budget burns: metrics and services ranked by their part in it."""
