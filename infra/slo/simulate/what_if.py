"""What SLOs would have alerted on over past samples: definitions as they are, or with other targets and periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from infra.settings import Settings
from infra.slo.exclusions import exclusion_json
from infra.slo.simulate.samples import from_files, from_lake
from infra.store.database import Database
from infra.store.slo import definitions
from infra.store.slo import exclusions as stored_exclusions
from models.errors import Misconfigured, Unavailable
from models.labels import LabelWindow
from models.names import Severity
from models.records import SampleColumns
from models.slo.definition import Slo, ThresholdIndicator
from models.slo.exclusions import SloExclusion
from models.slo.simulate.recorder import SloRecorder
from models.slo.simulate.what_if import Outcome, Variant, evaluation_moments, simulate


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is simulated.

    Attributes:
        exclusions: pauses, silences and maintenance to honour, by the SLO's name.
        warnings: what could not be found out.
    """

    slos: Sequence[Slo]
    exclusions: Mapping[str, Sequence[SloExclusion]]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LakeRange:
    """Samples of the lake in `folder`, `from_ns <= event time < to_ns`."""

    folder: Path
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What each variant would have done, in their order, and what no sample was found for."""

    outcomes: Sequence[Outcome]
    warnings: Sequence[str]


def in_force(database: Database, *, honour_exclusions: bool) -> Subjects:
    """The SLOs in force, with their exclusions; raises `Misconfigured` where there are none."""
    with database.reading() as cursor:
        found = [stored.slo for stored in definitions.load(cursor).slos]
        known = stored_exclusions.load(cursor) if honour_exclusions else {}
    if not found:
        raise Misconfigured("no SLOs are in force: give --slo FILE")
    return Subjects(found, known)


def defined(slos: Sequence[Slo], database: Database | None) -> Subjects:
    """SLOs as files define them, with the exclusions that the database knows of SLOs of these names.

    Files can be tried before there is a database: one that is not there leaves a warning. None asks none.
    """
    if database is None:
        return Subjects(slos, {})
    try:
        with database.reading() as cursor:
            return Subjects(slos, stored_exclusions.load(cursor, [slo.name for slo in slos]))
    except (Unavailable, Misconfigured) as error:
        return Subjects(slos, {}, [f"pauses, silences and maintenance are not known: {error}"])


def simulate_variants(
    tried: Sequence[Variant],
    source: Path | LakeRange,
    settings: Settings,
    every_s: float,
    *,
    noise: Sequence[LabelWindow],
    exclusions: Mapping[str, Sequence[SloExclusion]],
) -> Simulated:
    """What each variant would have done, counted as this installation's workers count.

    Args:
        source: a DATA file or a folder of them, or a part of the lake.
        every_s: seconds between evaluations.
        noise: what was not worth a page.
        exclusions: pauses, silences and maintenance by the SLO's name.

    Raises:
        Misconfigured: a file is faulty, or no sample counts for any of them.
        Unavailable: the lake cannot be read.
    """
    rule, slos = settings.entity_rule, [variant.slo for variant in tried]
    recorder = SloRecorder(slos, rule, lateness_s=settings.lateness_s, every_s=every_s)
    if isinstance(source, LakeRange):
        samples = from_lake(source.folder, recorder, rule, source.from_ns, source.to_ns)
    else:
        samples = from_files(source, recorder, rule)
    found = _outcomes(tried, recorder, samples, every_s=every_s, noise=noise, exclusions=exclusions)
    return Simulated(found, _without_samples(tried, recorder))


def _outcomes(
    tried: Sequence[Variant],
    recorder: SloRecorder,
    samples: Iterator[SampleColumns],
    *,
    every_s: float,
    noise: Sequence[LabelWindow],
    exclusions: Mapping[str, Sequence[SloExclusion]],
) -> list[Outcome]:
    for part in samples:
        recorder.record(part)
    recorded = [recorder.recorded(number) for number in range(len(tried))]
    moments_s = evaluation_moments(recorded, every_s)
    if not len(moments_s):
        metrics = sorted({b.metric for number in range(len(tried)) for b in recorder.unmatched(number)})
        raise Misconfigured(
            f"no sample counts for any of the SLOs; wanted: {', '.join(metrics) or 'counters with two samples or more'}"
        )
    return [
        simulate(variant, part, moments_s, noise, exclusions.get(variant.slo.name, ()))
        for variant, part in zip(tried, recorded, strict=True)
    ]


def _without_samples(tried: Sequence[Variant], recorder: SloRecorder) -> list[str]:
    found = {
        f"{variant.slo.name}: no series of {binding.metric} for its {binding.role.value} events came"
        for number, variant in enumerate(tried)
        for binding in recorder.unmatched(number)
    }
    return sorted(found)


def _time(at_s: float) -> str:
    text = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds" if at_s == int(at_s) else "milliseconds")
    return text.replace("+00:00", "Z")


def transitions_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Every transition in order of time; `variant` only where something else than the definition was tried."""
    rows = [
        (change.at_s, number, outcome.variant, change)
        for number, outcome in enumerate(found)
        for change in outcome.transitions
    ]
    return [
        {
            "slo": variant.slo.name,
            **({"variant": variant.change} if variant.change else {}),
            "severity": change.severity.value,
            "burn_window": change.burn_window,
            "state": change.state.value,
            "at": _time(change.at_s),
        }
        for _, _, variant, change in sorted(rows, key=lambda row: row[:2])
    ]


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What a variant would have done; lengths in seconds."""
    slo, alerts, period = outcome.variant.slo, outcome.alerts, outcome.period
    by_severity = {
        severity: [alert for alert in alerts if alert.severity is severity]
        for severity in (Severity.PAGE, Severity.TICKET)
    }
    return {
        "slo": slo.name,
        "variant": outcome.variant.change,
        "target_ratio": slo.target_ratio,
        "threshold": slo.indicator.threshold if isinstance(slo.indicator, ThresholdIndicator) else None,
        "period": slo.window.text,
        **{f"{severity.value}s": len(of_slo) for severity, of_slo in by_severity.items()},
        "pages_for_noise": sum(alert.severity is Severity.PAGE and alert.noise for alert in alerts),
        **{
            f"{severity.value}_median_{what}_s": _median(getattr(alert, f"{what}_s") for alert in of_slo)
            for severity, of_slo in by_severity.items()
            for what in ("detection", "reset")
        },
        "events": period.total,
        "counted_s": outcome.lived.counted_s,
        "error_ratio": period.error_ratio if period.total > 0 else None,
        "budget_remaining_ratio": outcome.budget_remaining if period.total > 0 else None,
        "suggested_target_ratio": outcome.suggested_target,
        "exceptions": [exclusion_json(one) for one in outcome.exclusions],
        "alerts": [
            {
                "severity": alert.severity.value,
                "burn_window": alert.burn_window,
                "fired_at": _time(alert.fired_s),
                "resolved_at": _time(alert.resolved_s) if alert.resolved_s is not None else None,
                "detection_s": alert.detection_s,
                "reset_s": alert.reset_s,
                "noise": alert.noise,
            }
            for alert in alerts
        ],
    }


def _median(lengths_s: Iterable[float | None]) -> float | None:
    known = [length_s for length_s in lengths_s if length_s is not None]
    return median(known) if known else None
