"""Series at an hour's pace, for the parts of a departure."""

from models.detectors.departure.departure import DepartureRow
from models.detectors.departure.profile import DAY_NS, HOUR_NS, MONDAY_NS, ProfileRow
from models.detectors.departure.scatter import ScatterRow
from models.detectors.departure.schedule import ScheduleRow
from models.detectors.departure.standstill import StandstillRow
from models.state.fields import Layout
from models.state.metric_rules import MetricRuleRow
from models.state.tables import SeriesLinks

LAYOUT = Layout.of(SeriesLinks, MetricRuleRow, ProfileRow, ScatterRow, ScheduleRow, StandstillRow, DepartureRow)

START_NS = MONDAY_NS + 2900 * 7 * DAY_NS
"""A Monday, midnight."""


def fresh():
    """A series that has seen nothing."""
    return LAYOUT.empty(1)[0]


def at(day, hour=0.0):
    """A moment."""
    return START_NS + int(day * DAY_NS) + int(hour * HOUR_NS)
