"""The broker's jars, fetched once through Maven, and where its archive of loaded classes is kept beside them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from models.errors import Misconfigured

POM = Path(__file__).with_name("kafka-pom.xml")
FETCH_TIMEOUT_S = 600.0


def kafka_jars(cache: Path, say: Callable[[str], None]) -> Path:
    """Folder with every jar `kafka-pom.xml` asks for; fetched into `cache` when it is not there yet.

    An interrupted fetch leaves only a `.part` folder; Maven keeps what it has got in its own repository, so the next
    attempt goes on from there. The folder's name holds the pom's digest: another version is another folder.

    Raises:
        Misconfigured: no Maven, or Maven failed; says which.
    """
    folder = cache / f"kafka-jars-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Misconfigured("fetching Kafka needs Maven: install the package `maven` (apt-get install maven)")
    say("kafka: fetching the broker's jars with Maven (once, about 45 MB)")
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part.resolve()}"]
    try:
        done = subprocess.run(
            [maven, "-q", "-B", "-f", POM, *goal], capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Misconfigured(f"Maven needed over {FETCH_TIMEOUT_S:.0f} s: look at the network and run again") from error
    if done.returncode != 0 or not any(part.glob("kafka_*.jar")):
        problem = next((line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line), "no jars copied")
        raise Misconfigured(f"Maven could not fetch Kafka: {problem}")
    if not folder.exists():  # somebody else may have been quicker; theirs is as good
        part.rename(folder)
    return folder


def class_archive(jars: Path, java: Path) -> Path:
    """Where the archive of the broker's classes for this Java belongs; it need not exist.

    A broker that starts from it (class data sharing) needs 2.8 s of processor time until it answers instead of
    4.9 s. A JVM takes no other JVM's archive, so the file is named after the program and its age.
    """
    seen = f"{java.resolve()} {java.resolve().stat().st_mtime_ns}"
    return jars.with_name(f"{jars.name}-{hashlib.sha256(seen.encode()).hexdigest()[:12]}.jsa").resolve()
