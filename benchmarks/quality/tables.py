"""Tables for people (Markdown, so that they can be pasted) and JSON for programs."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def markdown(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """A Markdown table.

    Args:
        rows: cells by key; `<key>_interval`, where a row has it, is shown beside the figure.
        columns: key -> heading, in order.

    >>> print(markdown([{"a": "x", "b": .5, "b_interval": (.4, .6)}], {"a": "A", "b": "B"}))
    | A | B |
    | --- | ---: |
    | x | 0.50 (0.40-0.60) |
    """
    numeric = {key: any(isinstance(row.get(key), (int, float)) for row in rows) for key in columns}
    lines = [
        "| " + " | ".join(columns.values()) + " |",
        "| " + " | ".join("---:" if numeric[key] else "---" for key in columns) + " |",
    ]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row, key) for key in columns) + " |")
    return "\n".join(lines)


def _cell(row: Mapping[str, Any], key: str) -> str:
    bounds = row.get(f"{key}_interval")
    return _text(row.get(key)) + (f" ({_text(bounds[0])}-{_text(bounds[1])})" if bounds else "")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_section(path: Path, section: str, command: str, body: Mapping[str, Any]) -> None:
    """Replace one section of the results, with when, where and how it was measured."""
    results = json.loads(path.read_text()) if path.is_file() else {}
    results[section] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "load": round(os.getloadavg()[0], 2),
        "command": command,
    } | _plain(body)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """Numbers rounded to what can be reproduced; what is not finite is null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
