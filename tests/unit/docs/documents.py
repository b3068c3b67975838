"""The documents that people read, and what they say in code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "alertmanager" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "benchmarks" / "quality" / "README.md",
)

_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")


def name_of(path: Path) -> str:
    """A document as a case's id."""
    return str(path.relative_to(ROOT))


def blocks(text: str) -> list[str]:
    """Blocks of code."""
    return _BLOCK.findall(text)


def spans(text: str) -> list[str]:
    """Code within prose."""
    return _SPAN.findall(_BLOCK.sub("", text))


def prose(text: str) -> list[str]:
    """Paragraphs and items of lists, without code, tables and headings."""
    found = []
    for part in re.split(r"\n\s*\n", _BLOCK.sub("", text)):
        lines = [line for line in part.splitlines() if not line.startswith(("#", "|", "<!--"))]
        found += re.split(r"\n(?=\s*(?:[*-]|\d+\.) )", "\n".join(lines))
    return [paragraph.strip() for paragraph in found if paragraph.strip()]


def sentences(text: str) -> list[str]:
    """Sentences of the prose; what stands in backticks is one word."""
    found = []
    for paragraph in prose(text):
        plain = _SPAN.sub("code", re.sub(r"^\s*(?:[*-]|\d+\.) ", "", paragraph))
        plain = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain).split())
        found += [sentence for sentence in re.split(r"(?<=[.!?])[\"')*]*\s+", plain) if re.search(r"\w", sentence)]
    return found


def words(sentence: str) -> int:
    """How many words a sentence has."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())
