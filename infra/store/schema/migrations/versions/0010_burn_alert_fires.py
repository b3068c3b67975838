"""`burn_alert` alone says which burn alerts fire: it takes over what they say, and why those that are over ended."""

import hashlib

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE burn_alert
    ADD COLUMN annotations jsonb NOT NULL DEFAULT '{}', -- what it says; of one that is over: what it said last
    ADD COLUMN end_reason  text;                        -- a member of models.reasons.TransitionReason
UPDATE burn_alert AS known SET annotations = firing.annotations FROM slo_alert AS firing
    WHERE known.ended_at IS NULL AND known.service = firing.service AND known.slo_name = firing.slo_name
      AND known.severity = firing.severity AND known.burn_window = firing.burn_window
      AND known.started_at = firing.started_at;
"""

FIRES_NOWHERE_ELSE = """
UPDATE burn_alert SET ended_at = now() WHERE ended_at IS NULL AND NOT EXISTS (
    SELECT FROM slo_alert AS firing
    WHERE firing.service = burn_alert.service AND firing.slo_name = burn_alert.slo_name
      AND firing.severity = burn_alert.severity AND firing.burn_window = burn_alert.burn_window
      AND firing.started_at = burn_alert.started_at);
"""

OLDER_THAN_CAUSES = """
SELECT service, slo_name, severity, burn_window, started_at, annotations::text FROM slo_alert AS firing
WHERE NOT EXISTS (
    SELECT FROM burn_alert AS known
    WHERE known.service = firing.service AND known.slo_name = firing.slo_name
      AND known.severity = firing.severity AND known.burn_window = firing.burn_window AND known.ended_at IS NULL)
"""

INSERT = """
INSERT INTO burn_alert (service, slo_name, severity, burn_window, started_at, annotations, fingerprint, explained_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'epoch')
"""

ONCE = """
CREATE UNIQUE INDEX burn_alert_fires_once ON burn_alert (fingerprint) WHERE ended_at IS NULL;
DROP TABLE slo_alert;
"""

BACK = """
CREATE TABLE slo_alert (
    service     text NOT NULL,
    slo_name    text NOT NULL,
    severity    text NOT NULL,
    burn_window text NOT NULL,
    started_at  timestamptz NOT NULL,
    annotations jsonb NOT NULL,
    PRIMARY KEY (service, slo_name, severity, burn_window)
);
INSERT INTO slo_alert SELECT service, slo_name, severity, burn_window, started_at, annotations
    FROM burn_alert WHERE ended_at IS NULL;
DROP INDEX burn_alert_fires_once;
ALTER TABLE burn_alert DROP COLUMN annotations, DROP COLUMN end_reason;
"""


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(SCHEMA)
    connection.exec_driver_sql(FIRES_NOWHERE_ELSE)
    for row in connection.exec_driver_sql(OLDER_THAN_CAUSES).fetchall():
        connection.exec_driver_sql(INSERT, (*row, _fingerprint(*row[:4])))
    connection.exec_driver_sql(ONCE)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(BACK)


def _fingerprint(service: str, slo_name: str, severity: str, burn_window: str) -> str:
    """Of the alert's labels, as `models.alerting.alert.fingerprint` computes it at this version."""
    labels = {
        "alertname": "SLOBurnRate",
        "burn_window": burn_window,
        "service": service,
        "severity": severity,
        "slo": slo_name,
    }
    text = "\xff".join(f"{name}\xfe{labels[name]}" for name in sorted(labels))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
