"""Fields of YAML documents that know where they stand, so that every complaint names file, line, document and field."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import yaml

from models.errors import Misconfigured

T = TypeVar("T")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there: ten times as fast, which thousands of stored SLOs need."""

_NULL_TAG = "tag:yaml.org,2002:null"
_BOOL_TAG = "tag:yaml.org,2002:bool"


@dataclass(frozen=True, slots=True)
class YamlField:
    """A node of a YAML document with its path. Reading it as something it is not raises `Misconfigured`."""

    node: yaml.Node
    source: str
    document: int
    path: str

    @property
    def place(self) -> str:
        """`file:line`, as editors and terminals understand it."""
        return f"{self.source}:{self.node.start_mark.line + 1}"

    def error(self, problem: str) -> Misconfigured:
        """The error to raise about this field."""
        field = f" {self.path}:" if self.path else ""
        return Misconfigured(f"{self.place}: document {self.document}:{field} {problem}")

    def mapping(self, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> dict[str, YamlField]:
        """Fields by name, those with an empty value left out; unknown, repeated and missing names are errors."""
        fields = self.entries()
        known = (*required, *optional)
        for name, field in fields.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(sorted(known))}"
                raise field.error(f"unknown field{hint}")
        given = {name: field for name, field in fields.items() if field.node.tag != _NULL_TAG}
        for name in required:
            if name not in given:
                raise self.error(f"`{name}` is missing")
        return given

    def entries(self) -> dict[str, YamlField]:
        """Fields by name, whatever the names."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("must be a mapping")
        fields: dict[str, YamlField] = {}
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error("names of fields must be plain text")
            path = f"{self.path}.{key.value}" if self.path else str(key.value)
            field = YamlField(value, self.source, self.document, path)
            name = field.storable(str(key.value))
            if name in fields:
                raise field.error("given twice")
            fields[name] = field
        return fields

    def items(self) -> list[YamlField]:
        """Elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("must be a list")
        return [
            YamlField(node, self.source, self.document, f"{self.path}[{index}]")
            for index, node in enumerate(self.node.value)
        ]

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    def text(self) -> str:
        """A text that is not empty; a number or date is taken as it is written, as in `code: 500`."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag == _NULL_TAG:
            raise self.error("must be text")
        value = str(self.node.value)
        if not value.strip():
            raise self.error("must not be empty")
        return self.storable(value)

    def storable(self, text: str) -> str:
        """A text with characters that JSON's escapes wrote as two halves made whole.

        Raises:
            Misconfigured: it holds what PostgreSQL's texts cannot: half a character, or NUL.
        """
        try:
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise self.error("must not contain half of a surrogate pair") from error
        if "\0" in whole:
            raise self.error("must not contain the character NUL")
        return whole

    def number(self) -> float:
        """A finite number."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.style:
            raise self.error("must be a number")
        try:
            value = float(self.node.value)
        except ValueError as error:
            raise self.error("must be a number") from error
        if not math.isfinite(value):
            raise self.error("must be a finite number")
        return value

    def boolean(self) -> bool:
        """true or false."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != _BOOL_TAG:
            raise self.error("must be true or false")
        return str(self.node.value).lower() in ("true", "yes", "on")

    def choice(self, choices: Mapping[str, T]) -> T:
        """One of a closed set of words."""
        word = self.text()
        if word not in choices:
            raise self.error(f"{word!r} is not one of {', '.join(choices)}")
        return choices[word]


def documents(text: str, source: str) -> Iterator[YamlField]:
    """The documents of a YAML text, empty ones left out; raises `Misconfigured` where it is not YAML."""
    try:
        for index, node in enumerate(_nodes(text), start=1):
            if node.tag != _NULL_TAG:
                yield YamlField(node, source, index, "")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misconfigured(f"{source}:{line}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"{source}: not YAML: {str(error).splitlines()[0]}") from error


def _nodes(text: str) -> Iterable[yaml.Node]:
    try:
        return list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.YAMLError:
        return yaml.compose_all(text, Loader=yaml.SafeLoader)  # knows better where the mistake is
