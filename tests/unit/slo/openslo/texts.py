"""OpenSLO documents that the tests of their parser read, change and break."""

from __future__ import annotations

LATENCY = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-latency
spec:
  service: checkout
  indicator:
    metadata: {name: fast}
    spec:
      thresholdMetric:
        metricSource:
          type: tidewatch
          spec:
            metric: latency_ms
            labels:
              service: checkout
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - op: lte
      value: 400
      target: 0.99
"""
AVAILABILITY = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: availability}
spec:
  ratioMetric:
    counter: true
    bad:
      metricSource:
        type: tidewatch
        spec: {metric: requests_total, labels: {service: web, code: {"=~": "5..", "!=": 503}}}
    total:
      metricSource: {type: tidewatch, spec: {metric: requests_total, labels: {service: web}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-availability}
spec:
  service: web
  indicatorRef: availability
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}}]
  objectives:
    - {displayName: Gold, targetPercent: 99.9}
    - {displayName: Silver, target: 0.99}
"""


def edited(before: str, after: str, text: str = LATENCY) -> str:
    assert before in text
    return text.replace(before, after, 1)


def document(kind: str, name: str, spec: str) -> str:
    return f"---\napiVersion: openslo/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


SERVICE = document("Service", "checkout", "{description: the shop}")
SOURCE = document("DataSource", "stream", "{type: tidewatch, connectionDetails: {anything: [goes, here]}}")
TARGET = document("AlertNotificationTarget", "on-call", "{target: slack}")
BURN = "{severity: page, condition: {kind: burnrate, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}}"
CONDITION = document("AlertCondition", "fast", BURN)
POLICY = document(
    "AlertPolicy",
    "wake",
    "{alertWhenBreaching: true, conditions: [{conditionRef: fast}], notificationTargets: [{targetRef: on-call}]}",
)
WAKING = LATENCY + "  alertPolicies: [{alertPolicyRef: wake}]\n"
