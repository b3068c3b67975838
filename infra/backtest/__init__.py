"""The `backtest` command's inside: DATA files through the core, `scores.csv` and `report.json` out."""
