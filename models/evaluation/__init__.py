"""How good scores and alerts are: metrics over labels, and the backtest that replays a history."""
