"""Closed sets of reasons. Every decision returns a member; the same member labels the metric and is stored."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a record, or one sample of it, went to the dead-letter topic."""

    UNPARSABLE = "unparsable"
    UNSTORABLE = "unstorable"  # a store refused what ingest let through
    UNKNOWN_FORMAT = "unknown-format"
    WRONG_TYPE = "wrong-type"
    MISSING_FIELD = "missing-field"
    UNKNOWN_MEMBER = "unknown-member"
    NOT_FINITE = "not-finite"
    VALUE_TOO_LARGE = "value-too-large"
    IN_THE_FUTURE = "in-the-future"
    TOO_OLD = "too-old"
    BAD_TIMESTAMP = "bad-timestamp"
    BAD_NAME = "bad-name"
    NAME_TOO_LONG = "name-too-long"
    TOO_LARGE = "too-large"
    TOO_MANY_LABELS = "too-many-labels"
    TOO_MANY_SERIES = "too-many-series"
    TOO_MANY_SERVICES = "too-many-services"


class SampleFate(StrEnum):
    """What became of a valid sample once the watch agent placed it; all but ACCEPTED leave scores and counts alone."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"


class IdentityCheck(StrEnum):
    """Whether a stored offset belongs to the stream that is read now, and what follows from that."""

    SAME = "same"  # go on
    ADOPTED = "adopted"  # stored without ids: it is taken to belong here
    NOT_KNOWN = "not-known"  # the brokers do not tell: go on as before
    TOPIC_MADE_ANEW = "topic-made-anew"  # begin at the topic's beginning, with the state that is there
    OTHER_CLUSTER = "other-cluster"  # refuse


class RetrainReason(StrEnum):
    """Why a new model was asked for."""

    COLD_START = "cold-start"
    DRIFT = "drift"
    STALE = "stale"
    FEATURES_CHANGED = "features-changed"
    REQUESTED = "requested"


class RetrainStep(StrEnum):
    """What is done next with an open request for a model, and why."""

    TRAIN = "train"
    # it waits
    COOLING_DOWN = "cooling-down"  # after the service's last training
    PAGING = "paging"  # an SLO of the service pages: no new normal to learn
    LAKE_BEHIND = "lake-behind"  # the lake does not reach the evidence yet
    CRASHED = "crashed"  # its training died; it is tried again
    # it is over
    SEEN_BY_LAST_TRAINING = "seen-by-last-training"
    HAS_CHAMPION = "has-champion"
    KEEPS_CRASHING = "keeps-crashing"


class TrainingOutcome(StrEnum):
    """How a retraining request ended."""

    PROMOTED = "promoted"
    KEPT_CHAMPION = "kept-champion"
    TOO_LITTLE_DATA = "too-little-data"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class PromotionReason(StrEnum):
    """Why a challenger was promoted or not."""

    FIRST_MODEL = "first-model"
    FITS_NEW_NORMAL = "fits-new-normal"  # where the champion does not
    COVERS_MORE = "covers-more"  # of the features alive
    SEPARATES_BETTER = "separates-better"  # faults from quiet rows
    ALARM_RATE_CLOSER = "alarm-rate-closer"  # to the one asked for
    LEARNT_MORE = "learnt-more"  # and is no worse
    # the champion stays
    DOES_NOT_SEPARATE = "does-not-separate"
    FIRST_DOES_NOT_FIT = "first-does-not-fit"  # the history that it comes from
    DOES_NOT_FIT = "does-not-fit"  # the history, which the champion does
    NO_BETTER = "no-better"

    @property
    def promotes(self) -> bool:
        """Whether the challenger takes over."""
        return self in _PROMOTING

    @property
    def outcome(self) -> TrainingOutcome:
        """How the request ends."""
        return TrainingOutcome.PROMOTED if self.promotes else TrainingOutcome.KEPT_CHAMPION


_PROMOTING = frozenset(
    {
        PromotionReason.FIRST_MODEL,
        PromotionReason.FITS_NEW_NORMAL,
        PromotionReason.COVERS_MORE,
        PromotionReason.SEPARATES_BETTER,
        PromotionReason.ALARM_RATE_CLOSER,
        PromotionReason.LEARNT_MORE,
    }
)


class AlertState(StrEnum):
    """State of an alert as Tidewatch sees it."""

    FIRING = "firing"
    RESOLVED = "resolved"


class AlertDecision(StrEnum):
    """What the alert layer did with an evaluation, and why; HELD_* members are the decisions not to send."""

    FIRED = "fired"
    RENEWED = "renewed"
    RESOLVED = "resolved"
    HELD_BELOW_THRESHOLD = "held-below-threshold"
    HELD_TOO_SHORT = "held-too-short"
    HELD_TOO_FEW_EVENTS = "held-too-few-events"
    HELD_NOT_READY = "held-not-ready"
    HELD_SETTLING = "held-settling"
    HELD_NO_DATA = "held-no-data"
    HELD_BUDGET_GONE = "held-budget-gone"
    HELD_PAUSED = "held-paused"
    HELD_MAINTENANCE = "held-maintenance"
    HELD_SILENCED = "held-silenced"


class TransitionReason(StrEnum):
    """Why a burn alert began (the first) or ended (the others)."""

    BURNS_TOO_FAST = "burns-too-fast"
    BURN_OVER = "burn-over"
    PAUSED = "paused"
    IN_MAINTENANCE = "in-maintenance"
    SILENCED = "silenced"
    NO_LONGER_EVALUATED = "no-longer-evaluated"  # its SLO or its pair of windows was changed or removed


class SendOutcome(StrEnum):
    """What Alertmanager did with an alert that was posted."""

    ACCEPTED = "accepted"
    UNAVAILABLE = "unavailable"  # kept, posted again with backoff
    REFUSED = "refused"  # invalid as it is; not posted again until it changes


class Readiness(StrEnum):
    """How far an entity's scores can be trusted, and what it waits for."""

    WARMING_UP = "warming-up"  # fewer samples than a first score needs
    PROVISIONAL = "provisional"  # online scores with a wide band; calibration is still filling
    CALIBRATED = "calibrated"  # the false-alarm rate asked for is the one obtained


class LibraryPath(StrEnum):
    """How private parts of a library are dealt with, and why."""

    FAST = "fast"
    PLAIN_CHOSEN = "plain-chosen"
    PLAIN_MOVED = "plain-moved"
