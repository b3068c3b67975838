"""Causes as annotations of an alert, in the words that on-call reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from models.names import Annotation
from models.slo.causes.rank import Cause
from models.slo.numbers import number

SHOWN_CAUSES: Final = 5
FIRST_CAUSE: Final = "; first cause "
NO_CAUSE: Final = "no series of this service or its dependencies is known to have left its normal"
NOT_YET: Final = "not looked for yet, as many alerts fire at once; they follow"


def cause_annotations(causes: Sequence[Cause] | None) -> dict[Annotation, str]:
    """The annotations that tell of causes (None: nobody has looked yet); what nobody knows is left out."""
    if causes is None:
        return {Annotation.CAUSES: NOT_YET}
    texts = {Annotation.CAUSES: "; ".join(said(cause) for cause in causes[:SHOWN_CAUSES]) or NO_CAUSE}
    if causes:
        if worst := max(cause.peak_score for cause in causes):
            texts[Annotation.SCORE] = number(worst)
        if version := next((cause.model_version for cause in causes if cause.model_version), ""):
            texts[Annotation.MODEL_VERSION] = version
        if causes[0].expected_lower is not None:
            texts[Annotation.EXPECTED] = band(causes[0].expected_lower, causes[0].expected_upper)
    return texts


def changed_annotations(said: Mapping[Annotation, str], causes: Sequence[Cause]) -> dict[Annotation, str]:
    """The annotations in which an alert has to say something else because of its causes; empty where it need not."""
    wanted = {
        **cause_annotations(causes),
        Annotation.SUMMARY: with_first_cause(said.get(Annotation.SUMMARY, ""), causes),
    }
    return {name: text for name, text in wanted.items() if said.get(name, "") != text}


def with_first_cause(summary: str, causes: Sequence[Cause] | None) -> str:
    """A summary that ends with the first cause, in the place of an earlier one.

    >>> with_first_cause("checkout burns; first cause cpu_ratio 80%", [])
    'checkout burns'
    """
    plain = summary.partition(FIRST_CAUSE)[0]
    return f"{plain}{FIRST_CAUSE}{said(causes[0])}" if causes else plain


def said(cause: Cause) -> str:
    """`latency_ms 71% (checkout/i-1 and 2 more: 812, expected 180 to 260, began 3 min before the burn)`."""
    others = f" and {cause.entities - 1} more" if cause.entities > 1 else ""
    detail = cause.entity + others
    facts = []
    if cause.value is not None:
        facts.append(number(cause.value))
        if cause.expected_lower is not None:
            facts.append(f"expected {band(cause.expected_lower, cause.expected_upper)}")
    if cause.lead_s is not None:
        facts.append(f"began {lead(cause.lead_s)}")
    told = f"{detail}: {', '.join(facts)}" if facts else detail
    away = "" if cause.hops == 0 else f" of {cause.service}"
    return f"{cause.metric}{away} {cause.part:.0%} ({told})"


def lead(lead_s: float) -> str:
    """When a series became anomalous, told from the begin of the burn.

    >>> lead(-40.0), lead(200.0), lead(7300.0)
    ('with the burn', '3 min before the burn', '2.0 h before the burn')
    """
    if abs(lead_s) < 60.0:
        return "with the burn"
    minutes = abs(lead_s) / 60.0
    told = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    return f"{told} {'before' if lead_s > 0 else 'into'} the burn"


def band(lower: float, upper: float | None) -> str:
    """`180 to 260`."""
    return f"{number(lower)} to {number(upper)}" if upper is not None else f"from {number(lower)}"
