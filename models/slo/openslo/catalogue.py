"""The documents of a set of OpenSLO files, by kind and name, so that one may refer to another."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from models.slo.openslo.yaml_fields import YamlField

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?")


class DocumentKind(StrEnum):
    """Kinds of OpenSLO v1 documents."""

    SERVICE = "Service"
    DATA_SOURCE = "DataSource"
    SLI = "SLI"
    SLO = "SLO"
    ALERT_POLICY = "AlertPolicy"
    ALERT_CONDITION = "AlertCondition"
    ALERT_NOTIFICATION_TARGET = "AlertNotificationTarget"


SPECS: Final[dict[DocumentKind, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    DocumentKind.SERVICE: ((), ("description",)),
    DocumentKind.DATA_SOURCE: (("type",), ("description", "connectionDetails")),
    DocumentKind.SLI: ((), ("description", "thresholdMetric", "ratioMetric")),
    DocumentKind.SLO: (
        ("service", "timeWindow", "objectives"),
        ("description", "indicator", "indicatorRef", "budgetingMethod", "alertPolicies"),
    ),
    DocumentKind.ALERT_POLICY: (
        ("conditions",),
        ("description", "alertWhenNoData", "alertWhenResolved", "alertWhenBreaching", "notificationTargets"),
    ),
    DocumentKind.ALERT_CONDITION: (("severity", "condition"), ("description",)),
    DocumentKind.ALERT_NOTIFICATION_TARGET: (("target",), ("description",)),
}
"""Fields of each kind's `spec`: required, optional."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document whose fields are known to be those of its kind.

    Attributes:
        metadata: its fields, `name` among them.
        whole: the field `spec`. spec: its fields.
    """

    kind: DocumentKind
    name: str
    metadata: dict[str, YamlField]
    whole: YamlField
    spec: dict[str, YamlField]

    @property
    def place(self) -> str:
        """`file:line` of its name."""
        return self.metadata["name"].place


def read_document(root: YamlField, kind: DocumentKind, fields: dict[str, YamlField]) -> Document:
    """A document, or one that stands inside another; raises `Misconfigured` where a field is missing or unknown."""
    metadata = fields["metadata"].mapping(("name",), ("displayName", "labels", "annotations"))
    if "spec" not in fields:
        if SPECS[kind][0]:
            raise root.error("`spec` is missing")
        return Document(kind, checked_name(metadata["name"]), metadata, root, {})
    return Document(
        kind, checked_name(metadata["name"]), metadata, fields["spec"], fields["spec"].mapping(*SPECS[kind])
    )


def checked_name(field: YamlField, name: str | None = None) -> str:
    """The name that a field says, or one made of it; raises `Misconfigured` where OpenSLO does not allow it."""
    name = field.text() if name is None else name
    if not _NAME.fullmatch(name):
        raise field.error(
            f"{name!r} must be 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends"
        )
    return name


@dataclass(slots=True)
class Catalogue:
    """Documents that others may refer to."""

    _documents: dict[tuple[DocumentKind, str], Document] = field(default_factory=dict)
    _remarks: dict[str, None] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Raises `Misconfigured` where there is one of this kind and name already."""
        key = (document.kind, document.name)
        if key in self._documents:
            problem = f"{document.kind} {document.name!r} is defined already at {self._documents[key].place}"
            raise document.metadata["name"].error(problem)
        self._documents[key] = document

    def remark(self, place: YamlField, text: str) -> None:
        """Note that a field has no effect here, and what has; once, however often it is read."""
        self._remarks[str(place.error(text))] = None

    @property
    def remarks(self) -> list[str]:
        """What was noted, in that order."""
        return list(self._remarks)

    def of_kind(self, kind: DocumentKind) -> list[Document]:
        """Documents of one kind, in their order."""
        return [document for (its_kind, _), document in self._documents.items() if its_kind is kind]

    def find(self, kind: DocumentKind, reference: YamlField) -> Document:
        """The document that a field refers to by name; raises `Misconfigured` where there is none."""
        name = reference.text()
        document = self._documents.get((kind, name))
        if document is None:
            close = difflib.get_close_matches(name, [each.name for each in self.of_kind(kind)], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise reference.error(f"no {kind} named {name!r} in the files given{hint}")
        return document
