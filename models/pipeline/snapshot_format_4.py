"""Snapshots of format 4: the same values under the names that the state tables' fields had then.

Read, never written. A worker that is updated goes on where it was; once it has written a snapshot of its own, this is
no longer needed for its partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.fold_state import ENTITIES, SERIES

FORMAT: Final = 4

SERIES_NAMES: Final = {
    "entity": "link_entity",
    "next": "link_next",
    "column": "link_column",
    "counter": "rule_is_counter",
    "bound_from": "sli_first_binding",
    "bound": "sli_n_bindings",
    "direction": "rule_direction",
    "least_effect": "rule_least_effect",
    "least_effect_ratio": "rule_least_effect_ratio",
    "n_times": "tick_n_times",
    "times": "tick_times_ns",
    "last": "tick_counter_value",
    "slot": "tick_slot_value",
    "live": "tick_has_reported",
    "awaited": "tick_is_awaited",
    "absent": "tick_absent_rows",
    "presence": "tick_presence_ratio",
    "n": "residual_n",
    "level": "residual_level",
    "scale": "residual_scale",
    "cut": "residual_tail_cut",
    "excess": "residual_tail_mean_excess",
    "square": "residual_tail_mean_square",
    "beyond": "residual_tail_exceedances",
    "low": "residual_low",
    "high": "residual_high",
    "regular": "residual_presence_ratio",
    "missing": "residual_missing_rows",
    "seen_rows": "novelty_n",
    "latest": "score_newest_values",
    "newest": "novelty_newest",
    "granule": "novelty_least_step",
    "swing": "novelty_swing",
    "seen": "novelty_bin_age",
    "bin_low": "novelty_bin_low",
    "bin_step": "novelty_bin_step",
    "seen_low": "novelty_low",
    "seen_high": "novelty_high",
    "recent_low": "novelty_recent_low",
    "recent_high": "novelty_recent_high",
    "settled_low": "novelty_settled_low",
    "settled_high": "novelty_settled_high",
    "hour_mean": "hour_mean",
    "hour_rows": "hour_rows",
    "day_n": "hour_n_residuals",
    "day_scale": "hour_scale",
    "day_cut": "hour_tail_cut",
    "day_excess": "hour_tail_mean_excess",
    "day_square": "hour_tail_mean_square",
    "day_beyond": "hour_tail_exceedances",
    "odd": "residual_run_rows",
    "held": "residual_run_largest",
    "new_level": "residual_run_level",
    "new_scale": "residual_run_scale",
    "new_low": "residual_run_low",
    "new_high": "residual_run_high",
    "ref_level": "drift_ref_level",
    "ref_scale": "drift_ref_scale",
    "drift_ns": "residual_drift_ns",
}

ENTITY_NAMES: Final = {
    "service": "link_service",
    "first": "link_first",
    "n_series": "link_n_series",
    "interval_ns": "tick_interval_ns",
    "phase_ns": "tick_phase_ns",
    "n_diffs": "tick_n_gaps",
    "diffs": "tick_gaps_ns",
    "newest_ns": "tick_newest_ns",
    "heard_ns": "tick_heard_ns",
    "silent": "tick_is_silent",
    "n_open": "tick_n_open",
    "key": "tick_open_key_ns",
    "at": "tick_open_newest_ns",
    "deadline": "tick_open_deadline_ns",
    "reported": "tick_open_reported",
    "slot": "tick_open_slot",
    "awaited": "tick_n_awaited",
    "closed_key": "tick_closed_key_ns",
    "rows": "tick_n_rows",
    "n": "threshold_n",
    "units": "threshold_units",
    "events": "threshold_events",
    "peaks": "threshold_peaks",
    "held": "threshold_alarm_onset",
    "offset": "threshold_offset_nats",
    "alarm_rows": "threshold_alarm_rows",
    "anew": "threshold_alarm_is_new",
    "waited": "threshold_quiet_alarms",
    "loudest": "threshold_quiet_nats",
    "joint": "score_model_nats",
    "joint_level": "score_model_mean_nats",
    "odd_level": "score_level_mean_nats",
    "own_rows": "calibration_n",
    "cut": "calibration_tail_cut",
    "excess": "calibration_tail_mean_excess",
    "square": "calibration_tail_mean_square",
    "beyond": "calibration_tail_exceedances",
    "episode": "episode_certainty",
    "pending": "episode_pending_rows",
    "quiet": "episode_quiet_rows",
    "since_ns": "episode_since_ns",
    "tick_ns": "latest_tick_ns",
    "score": "latest_score",
    "cause": "latest_cause",
    "value": "latest_value",
    "expected": "latest_expected",
    "lower": "latest_lower",
    "upper": "latest_upper",
}
"""Old names of fields, in the order in which they lay in a row, and what they are called now."""


def _old_rows(names: Mapping[str, str], now: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype([(old, now[new]) for old, new in names.items()], align=True)


ROWS: Final = {"series": _old_rows(SERIES_NAMES, SERIES.dtype), "entities": _old_rows(ENTITY_NAMES, ENTITIES.dtype)}
"""Rows of the two tables as they were."""


def renamed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of such a snapshot, with rows as they are now; fields that are new since then have not begun."""
    tables = {"series": (SERIES, SERIES_NAMES), "entities": (ENTITIES, ENTITY_NAMES)}
    found = dict(arrays)
    for name, (layout, names) in tables.items():
        found[name] = layout.empty(len(arrays[name]))
        for old, new in names.items():
            found[name][new] = arrays[name][old]
    return found


def renamed_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of such a snapshot under their present names."""
    episodes = {
        entity: {"emitted_ns" if name == "told_ns" else name: value for name, value in episode.items()}
        for entity, episode in plain["incidents"].items()
    }
    return {**plain, "episodes": episodes}
