"""Counts by day, minutes with telemetry, time slices, and when the SLO clock evaluated last.

`slo_minute` holds events. `slo_hour` and `slo_day` hold their sums, or, for an SLO that budgets by time slices, its
good slices and all of them; both are kept exact by the triggers of `slo_minute`. Deleting old minutes leaves them.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE slo
    ADD COLUMN slice_s integer CHECK (slice_s >= 60 AND mod(3600, slice_s) = 0),    -- null: budgets by occurrences
    ADD COLUMN slice_target_ratio double precision;     -- of good events in a good slice; null: the ratio counts
ALTER TABLE slo_hour ADD COLUMN minutes integer NOT NULL DEFAULT 0;             -- with telemetry, be it of zero events
CREATE TABLE slo_day (
    slo_id  integer NOT NULL REFERENCES slo (id) ON DELETE CASCADE,
    day     timestamptz NOT NULL,                       -- of UTC
    good    double precision NOT NULL,
    total   double precision NOT NULL,
    minutes integer NOT NULL,
    PRIMARY KEY (slo_id, day)
);
CREATE INDEX slo_minute_minute ON slo_minute (minute);  -- one stretch of time of every SLO, and what retention deletes
CREATE INDEX slo_hour_hour ON slo_hour (hour);
CREATE TABLE slo_evaluation (                           -- one row: the SLO clock's last evaluation
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    evaluated_at timestamptz NOT NULL
);
ALTER TABLE slo_status SET (fillfactor = 50);           -- rewritten again and again in place
ALTER TABLE decision SET (fillfactor = 70);

UPDATE slo_hour SET minutes = coalesce((
    SELECT count(*) FROM slo_minute AS m
    WHERE m.slo_id = slo_hour.slo_id AND m.minute >= hour AND m.minute < hour + interval '1 hour'), 0);
UPDATE slo_hour SET minutes = 60 WHERE minutes = 0;     -- their minutes have been deleted
INSERT INTO slo_day SELECT slo_id, date_trunc('day', hour, 'UTC'), sum(good), sum(total), sum(minutes)
    FROM slo_hour GROUP BY 1, 2;

-- The slices of one hour of one SLO counted anew from its minutes, which have to be there still.
CREATE FUNCTION slo_slice_hour(sliced integer, this_hour timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before slo_hour;
    after  slo_hour;
BEGIN
    -- locks the row first: whoever counts for the same hour meanwhile then sees what the other has written
    INSERT INTO slo_hour (slo_id, hour, good, total, minutes) VALUES (sliced, this_hour, 0, 0, 0)
        ON CONFLICT (slo_id, hour) DO UPDATE SET good = slo_hour.good
        RETURNING * INTO before;
    SELECT sliced, this_hour, coalesce(sum(slices.good), 0), count(*), coalesce(sum(slices.minutes), 0) INTO after
    FROM (
        SELECT CASE WHEN sum(m.total) <= 0 THEN 1       -- nobody asked, so nobody was let down
                    WHEN slo.slice_target_ratio IS NULL THEN greatest(least(sum(m.good) / sum(m.total), 1), 0)
                    WHEN sum(m.good) >= slo.slice_target_ratio * sum(m.total) THEN 1 ELSE 0 END AS good,
               count(*) AS minutes
        FROM slo_minute AS m JOIN slo ON slo.id = m.slo_id
        WHERE m.slo_id = sliced AND m.minute >= this_hour AND m.minute < this_hour + interval '1 hour'
        GROUP BY floor(extract(epoch FROM m.minute) / slo.slice_s), slo.slice_target_ratio
    ) AS slices;
    IF after.minutes < before.minutes THEN
        RETURN;
    END IF;
    UPDATE slo_hour SET good = after.good, total = after.total, minutes = after.minutes
        WHERE slo_id = sliced AND hour = this_hour;
    INSERT INTO slo_day (slo_id, day, good, total, minutes)
        VALUES (sliced, date_trunc('day', this_hour, 'UTC'),
                after.good - before.good, after.total - before.total, after.minutes - before.minutes)
        ON CONFLICT (slo_id, day) DO UPDATE SET good = slo_day.good + excluded.good,
            total = slo_day.total + excluded.total, minutes = slo_day.minutes + excluded.minutes;
END $$;

-- Hours and days from nothing but the minutes: for an SLO whose unit of counting has changed.
CREATE FUNCTION slo_count_anew(changed integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM slo_day WHERE slo_id = changed;
    DELETE FROM slo_hour WHERE slo_id = changed;
    IF (SELECT slice_s IS NOT NULL FROM slo WHERE id = changed) THEN
        PERFORM slo_slice_hour(changed, h.hour)
            FROM (SELECT DISTINCT date_trunc('hour', minute, 'UTC') AS hour
                  FROM slo_minute WHERE slo_id = changed) AS h;
    ELSE
        INSERT INTO slo_hour (slo_id, hour, good, total, minutes)
            SELECT slo_id, date_trunc('hour', minute, 'UTC'), sum(good), sum(total), count(*)
            FROM slo_minute WHERE slo_id = changed GROUP BY 1, 2;
        INSERT INTO slo_day (slo_id, day, good, total, minutes)
            SELECT slo_id, date_trunc('day', hour, 'UTC'), sum(good), sum(total), sum(minutes)
            FROM slo_hour WHERE slo_id = changed GROUP BY 1, 2;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION slo_minute_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO slo_hour (slo_id, hour, good, total, minutes)
        SELECT slo_id, date_trunc('hour', minute, 'UTC'), sum(good), sum(total), count(*)
        FROM added JOIN slo ON slo.id = slo_id AND slice_s IS NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, hour) DO UPDATE SET good = slo_hour.good + excluded.good,
            total = slo_hour.total + excluded.total, minutes = slo_hour.minutes + excluded.minutes;
    INSERT INTO slo_day (slo_id, day, good, total, minutes)
        SELECT slo_id, date_trunc('day', minute, 'UTC'), sum(good), sum(total), count(*)
        FROM added JOIN slo ON slo.id = slo_id AND slice_s IS NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, day) DO UPDATE SET good = slo_day.good + excluded.good,
            total = slo_day.total + excluded.total, minutes = slo_day.minutes + excluded.minutes;
    PERFORM slo_slice_hour(h.slo_id, h.hour)
        FROM (SELECT DISTINCT slo_id, date_trunc('hour', minute, 'UTC') AS hour
              FROM added JOIN slo ON slo.id = slo_id AND slice_s IS NOT NULL ORDER BY 1, 2) AS h;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION slo_minute_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO slo_hour (slo_id, hour, good, total)
        SELECT slo_id, date_trunc('hour', minute, 'UTC'), sum(changes.good), sum(changes.total)
        FROM (SELECT * FROM added UNION ALL SELECT slo_id, minute, -good, -total FROM taken) AS changes
        JOIN slo ON slo.id = slo_id AND slice_s IS NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, hour) DO UPDATE
            SET good = slo_hour.good + excluded.good, total = slo_hour.total + excluded.total;
    INSERT INTO slo_day (slo_id, day, good, total, minutes)
        SELECT slo_id, date_trunc('day', minute, 'UTC'), sum(changes.good), sum(changes.total), 0
        FROM (SELECT * FROM added UNION ALL SELECT slo_id, minute, -good, -total FROM taken) AS changes
        JOIN slo ON slo.id = slo_id AND slice_s IS NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, day) DO UPDATE
            SET good = slo_day.good + excluded.good, total = slo_day.total + excluded.total;
    PERFORM slo_slice_hour(h.slo_id, h.hour)
        FROM (SELECT DISTINCT slo_id, date_trunc('hour', minute, 'UTC') AS hour
              FROM added JOIN slo ON slo.id = slo_id AND slice_s IS NOT NULL ORDER BY 1, 2) AS h;
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    raise RuntimeError("counts by day have nothing to go back to; restore a backup of before instead")
