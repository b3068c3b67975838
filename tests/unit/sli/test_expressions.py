"""Expressions that people write run in linear time, or are refused with the place."""

from __future__ import annotations

import subprocess
import sys

import pytest

from models.errors import Misconfigured
from models.sli.expressions import check, fully_matches

FREEZES_PYTHONS_RE = """
from models.series import SeriesIdentity
from models.sli.binding import LabelMatcher, MatchOp
from models.state.metric_rules import MetricRule, rule_for

label = "a" * 35 + "!"
assert not LabelMatcher("path", MatchOp.MATCHES, "(a+)+").matches(label)
assert LabelMatcher("path", MatchOp.NOT_MATCHES, "(a|aa)+$").matches(label)
assert not LabelMatcher("path", MatchOp.MATCHES, "(.*)*x").matches("a" * 10_000)
rule_for("a" * 200, [MetricRule("*a" * 30 + "b")])
print("matched")
"""


def test_no_expression_stops_a_worker() -> None:
    # in a process of its own: a match that backtracks holds the interpreter, and no time limit in it would end it
    run = subprocess.run(
        [sys.executable, "-c", FREEZES_PYTHONS_RE], capture_output=True, text=True, timeout=30, check=False
    )
    assert (run.stdout, run.stderr, run.returncode) == ("matched\n", "", 0)


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [
        pytest.param("5..", "503", True, id="the whole value"),
        pytest.param("5..", "5030", False, id="not a part of it"),
        pytest.param("a|b", "b", True, id="alternatives are anchored together"),
        pytest.param("caf.", "caf\u00e9", True, id="a character is a character"),
        pytest.param("", "", True, id="a missing label is empty"),
    ],
)
def test_an_expression_matches_the_whole_text(expression: str, text: str, expected: bool) -> None:
    assert fully_matches(expression, text) is expected


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        pytest.param("ab(?=c)", "at character 3: invalid perl operator: (?=; there is no look-around", id="look-ahead"),
        pytest.param(
            "(?<!a)b", "at character 1: invalid perl operator: (?<!; there is no look-around", id="look-behind"
        ),
        pytest.param(r"(a)\1", r"at character 4: invalid escape sequence: \1; there are no back-", id="back-reference"),
        pytest.param("5.(", "missing )", id="a parenthesis that stays open"),
        pytest.param("((a{900}){900}){900}", "not a regular expression that RE2 takes", id="one too large"),
    ],
)
def test_what_cannot_run_in_linear_time_is_refused_with_the_place(expression: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        check(expression)
    assert problem in str(caught.value)
