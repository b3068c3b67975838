-- Generated from the migrations by `make schema`; change the schema with a migration.

CREATE TABLE alert (
    fingerprint text NOT NULL,
    labels      jsonb NOT NULL,
    annotations jsonb NOT NULL,
    state       text NOT NULL,
    starts_at   timestamp with time zone NOT NULL,
    ends_at     timestamp with time zone,
    event_id    text NOT NULL,
    accepted_at timestamp with time zone,
    updated_at  timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT alert_pkey PRIMARY KEY (fingerprint),
    CONSTRAINT alert_state_check CHECK (state = ANY (ARRAY['firing'::text, 'resolved'::text]))
);

CREATE TABLE anomaly (
    id             text NOT NULL,
    service        text NOT NULL,
    entity         text NOT NULL,
    started_at     timestamp with time zone NOT NULL,
    ended_at       timestamp with time zone,
    peak_score     double precision NOT NULL,
    peak_at        timestamp with time zone NOT NULL,
    cause_metric   text NOT NULL,
    causes         jsonb NOT NULL,
    value          double precision,
    expected       double precision,
    expected_lower double precision,
    expected_upper double precision,
    model_version  text NOT NULL,
    series         jsonb NOT NULL DEFAULT '[]'::jsonb,
    CONSTRAINT anomaly_pkey PRIMARY KEY (id)
);
CREATE INDEX anomaly_service_ended ON anomaly USING btree (service, COALESCE(ended_at, 'infinity'::timestamp with time zone));
CREATE INDEX anomaly_service_started ON anomaly USING btree (service, started_at DESC);

CREATE TABLE burn_alert (
    fingerprint   text NOT NULL,
    started_at    timestamp with time zone NOT NULL,
    service       text NOT NULL,
    slo_name      text NOT NULL,
    severity      text NOT NULL,
    burn_window   text NOT NULL,
    ended_at      timestamp with time zone,
    burn_began_at timestamp with time zone,
    causes        jsonb NOT NULL DEFAULT '[]'::jsonb,
    explained_at  timestamp with time zone NOT NULL,
    shifts        jsonb NOT NULL DEFAULT '[]'::jsonb,
    looked_at     timestamp with time zone,
    annotations   jsonb NOT NULL DEFAULT '{}'::jsonb,
    end_reason    text,
    CONSTRAINT burn_alert_pkey PRIMARY KEY (fingerprint, started_at)
);
CREATE UNIQUE INDEX burn_alert_fires_once ON burn_alert USING btree (fingerprint) WHERE (ended_at IS NULL);
CREATE INDEX burn_alert_open ON burn_alert USING btree (explained_at) WHERE (ended_at IS NULL);
CREATE INDEX burn_alert_service ON burn_alert USING btree (service, started_at DESC);
CREATE INDEX burn_alert_to_look_at ON burn_alert USING btree (looked_at NULLS FIRST) WHERE (ended_at IS NULL);

CREATE TABLE decision (
    kind     text NOT NULL,
    subject  text NOT NULL,
    decision text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}'::jsonb,
    first_at timestamp with time zone NOT NULL DEFAULT now(),
    last_at  timestamp with time zone NOT NULL DEFAULT now(),
    times    bigint NOT NULL DEFAULT 1,
    CONSTRAINT decision_pkey PRIMARY KEY (kind, subject, decision)
) WITH (fillfactor=70);

CREATE TABLE dependency (
    client text NOT NULL,
    server text NOT NULL,
    source text NOT NULL,
    since  timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT dependency_pkey PRIMARY KEY (client, server, source),
    CONSTRAINT dependency_source_check CHECK (source = ANY (ARRAY['file'::text, 'traces'::text]))
);

CREATE TABLE drift (
    id          text NOT NULL,
    service     text NOT NULL,
    entity      text NOT NULL,
    series      text NOT NULL,
    detector    text NOT NULL,
    statistic   double precision NOT NULL,
    window_rows integer NOT NULL,
    at          timestamp with time zone NOT NULL,
    CONSTRAINT drift_pkey PRIMARY KEY (id)
);

CREATE TABLE feedback (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    verdict     text NOT NULL,
    service     text NOT NULL,
    entity      text NOT NULL DEFAULT ''::text,
    slo_name    text NOT NULL DEFAULT ''::text,
    alertname   text NOT NULL DEFAULT ''::text,
    fingerprint text NOT NULL DEFAULT ''::text,
    starts_at   timestamp with time zone NOT NULL,
    ends_at     timestamp with time zone NOT NULL,
    peak        double precision,
    note        text NOT NULL DEFAULT ''::text,
    marked_at   timestamp with time zone NOT NULL,
    marked_by   text NOT NULL,
    undone_at   timestamp with time zone,
    undone_by   text,
    CONSTRAINT feedback_pkey PRIMARY KEY (id),
    CONSTRAINT feedback_verdict_check CHECK (verdict = ANY (ARRAY['useful'::text, 'noise'::text, 'missed'::text]))
);
CREATE UNIQUE INDEX feedback_once ON feedback USING btree (fingerprint, starts_at) WHERE ((undone_at IS NULL) AND (fingerprint <> ''::text));
CREATE INDEX feedback_service ON feedback USING btree (service, starts_at) WHERE (undone_at IS NULL);

CREATE TABLE model_swap (
    topic     text NOT NULL,
    partition integer NOT NULL,
    at_offset bigint NOT NULL,
    service   text NOT NULL,
    version   text NOT NULL,
    sha256    text NOT NULL,
    artifact  text NOT NULL,
    CONSTRAINT model_swap_pkey PRIMARY KEY (topic, partition, at_offset, service)
);

CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    event_id     text NOT NULL,
    topic        text NOT NULL,
    key          text NOT NULL,
    value        bytea NOT NULL,
    created_at   timestamp with time zone NOT NULL DEFAULT now(),
    published_at timestamp with time zone,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_key UNIQUE (event_id)
);
CREATE INDEX outbox_pending ON outbox USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE progress (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    source_high jsonb NOT NULL DEFAULT '{}'::jsonb,
    updated_at  timestamp with time zone NOT NULL DEFAULT now(),
    cluster_id  text NOT NULL DEFAULT ''::text,
    topic_id    text NOT NULL DEFAULT ''::text,
    CONSTRAINT progress_pkey PRIMARY KEY (topic, partition)
);

CREATE TABLE serving (
    service     text NOT NULL,
    version     text NOT NULL,
    sha256      text NOT NULL,
    artifact    text NOT NULL,
    promoted_at timestamp with time zone NOT NULL,
    CONSTRAINT serving_pkey PRIMARY KEY (service)
);

CREATE TABLE slo (
    id                 integer GENERATED ALWAYS AS IDENTITY,
    name               text NOT NULL,
    service            text NOT NULL,
    target_ratio       double precision NOT NULL,
    document           jsonb NOT NULL,
    active             boolean NOT NULL DEFAULT true,
    revision           integer NOT NULL DEFAULT 1,
    updated_at         timestamp with time zone NOT NULL DEFAULT now(),
    slice_s            integer,
    slice_target_ratio double precision,
    CONSTRAINT slo_pkey PRIMARY KEY (id),
    CONSTRAINT slo_name_key UNIQUE (name),
    CONSTRAINT slo_slice_s_check CHECK (slice_s >= 60 AND mod(3600, slice_s) = 0),
    CONSTRAINT slo_target_ratio_check CHECK (target_ratio > 0::double precision AND target_ratio < 1::double precision)
);

CREATE TABLE slo_day (
    slo_id  integer NOT NULL,
    day     timestamp with time zone NOT NULL,
    good    double precision NOT NULL,
    total   double precision NOT NULL,
    minutes integer NOT NULL,
    CONSTRAINT slo_day_pkey PRIMARY KEY (slo_id, day),
    CONSTRAINT slo_day_slo_id_fkey FOREIGN KEY (slo_id) REFERENCES slo(id) ON DELETE CASCADE
);
CREATE INDEX slo_day_day ON slo_day USING btree (day);

CREATE TABLE slo_evaluation (
    only_row     boolean NOT NULL DEFAULT true,
    evaluated_at timestamp with time zone NOT NULL,
    CONSTRAINT slo_evaluation_pkey PRIMARY KEY (only_row),
    CONSTRAINT slo_evaluation_only_row_check CHECK (only_row)
);

CREATE TABLE slo_exception (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    slo_name  text NOT NULL,
    kind      text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at   timestamp with time zone,
    reason    text NOT NULL,
    made_by   text NOT NULL,
    CONSTRAINT slo_exception_pkey PRIMARY KEY (id),
    CONSTRAINT slo_exception_check CHECK (ends_at >= starts_at),
    CONSTRAINT slo_exception_kind_check CHECK (kind = ANY (ARRAY['pause'::text, 'silence'::text, 'maintenance'::text]))
);
CREATE INDEX slo_exception_slo ON slo_exception USING btree (slo_name, starts_at);

CREATE TABLE slo_forecast (
    slo_name        text NOT NULL,
    service         text NOT NULL,
    computed_at     timestamp with time zone NOT NULL,
    burn_rate       double precision,
    burn_rate_lower double precision,
    burn_rate_upper double precision,
    gone_at         timestamp with time zone,
    soonest_at      timestamp with time zone,
    latest_at       timestamp with time zone,
    horizon_at      timestamp with time zone,
    firing_since    timestamp with time zone,
    annotations     jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT slo_forecast_pkey PRIMARY KEY (slo_name)
);

CREATE TABLE slo_history (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    slo_name   text NOT NULL,
    changed_at timestamp with time zone NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    before     jsonb,
    after      jsonb,
    CONSTRAINT slo_history_pkey PRIMARY KEY (id)
);

CREATE TABLE slo_hour (
    slo_id  integer NOT NULL,
    hour    timestamp with time zone NOT NULL,
    good    double precision NOT NULL,
    total   double precision NOT NULL,
    minutes integer NOT NULL DEFAULT 0,
    CONSTRAINT slo_hour_pkey PRIMARY KEY (slo_id, hour),
    CONSTRAINT slo_hour_slo_id_fkey FOREIGN KEY (slo_id) REFERENCES slo(id) ON DELETE CASCADE
);
CREATE INDEX slo_hour_hour ON slo_hour USING btree (hour);

CREATE TABLE slo_minute (
    slo_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    good   double precision NOT NULL,
    total  double precision NOT NULL,
    CONSTRAINT slo_minute_pkey PRIMARY KEY (slo_id, minute),
    CONSTRAINT slo_minute_slo_id_fkey FOREIGN KEY (slo_id) REFERENCES slo(id) ON DELETE CASCADE
);
CREATE INDEX slo_minute_minute ON slo_minute USING btree (minute);

CREATE TABLE slo_proposal (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    slo_name   text NOT NULL,
    reason     text NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL,
    made_at    timestamp with time zone NOT NULL,
    state      text NOT NULL DEFAULT 'open'::text,
    decided_at timestamp with time zone,
    decided_by text,
    CONSTRAINT slo_proposal_pkey PRIMARY KEY (id),
    CONSTRAINT slo_proposal_state_check CHECK (state = ANY (ARRAY['open'::text, 'accepted'::text, 'refused'::text, 'withdrawn'::text]))
);
CREATE UNIQUE INDEX slo_proposal_open ON slo_proposal USING btree (slo_name) WHERE (state = 'open'::text);

CREATE TABLE slo_status (
    slo_id                 integer NOT NULL,
    burn_window            text NOT NULL,
    error_ratio            double precision,
    burn_rate              double precision,
    budget_remaining_ratio double precision,
    evaluated_at           timestamp with time zone NOT NULL,
    CONSTRAINT slo_status_pkey PRIMARY KEY (slo_id, burn_window),
    CONSTRAINT slo_status_slo_id_fkey FOREIGN KEY (slo_id) REFERENCES slo(id) ON DELETE CASCADE
) WITH (fillfactor=50);

CREATE TABLE snapshot (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    taken_at    timestamp with time zone NOT NULL DEFAULT now(),
    sha256      text NOT NULL,
    size_bytes  bigint NOT NULL,
    body        bytea,
    location    text,
    CONSTRAINT snapshot_pkey PRIMARY KEY (topic, partition),
    CONSTRAINT snapshot_check CHECK ((body IS NULL) <> (location IS NULL))
);

CREATE TABLE threshold (
    service    text NOT NULL,
    factor     double precision NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT threshold_pkey PRIMARY KEY (service),
    CONSTRAINT threshold_factor_check CHECK (factor > 0::double precision)
);

CREATE TABLE threshold_change (
    topic     text NOT NULL,
    partition integer NOT NULL,
    at_offset bigint NOT NULL,
    service   text NOT NULL,
    factor    double precision NOT NULL,
    CONSTRAINT threshold_change_pkey PRIMARY KEY (topic, partition, at_offset, service)
);

CREATE TABLE threshold_history (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    service     text NOT NULL,
    changed_at  timestamp with time zone NOT NULL,
    changed_by  text NOT NULL,
    before      double precision NOT NULL,
    after       double precision NOT NULL,
    feedback_id bigint NOT NULL,
    CONSTRAINT threshold_history_pkey PRIMARY KEY (id),
    CONSTRAINT threshold_history_feedback_id_fkey FOREIGN KEY (feedback_id) REFERENCES feedback(id)
);

CREATE TABLE training (
    id               text NOT NULL,
    service          text NOT NULL,
    reason           text NOT NULL,
    evidence         jsonb NOT NULL DEFAULT '{}'::jsonb,
    asked_at         timestamp with time zone NOT NULL,
    started_at       timestamp with time zone,
    finished_at      timestamp with time zone,
    outcome          text,
    version          text,
    metrics          jsonb NOT NULL DEFAULT '{}'::jsonb,
    detail           text NOT NULL DEFAULT ''::text,
    not_before       timestamp with time zone,
    attempts         integer NOT NULL DEFAULT 0,
    trained_to       timestamp with time zone,
    promotion_reason text,
    CONSTRAINT training_pkey PRIMARY KEY (id)
);
CREATE INDEX training_open ON training USING btree (asked_at) WHERE (outcome IS NULL);
CREATE INDEX training_service ON training USING btree (service, asked_at DESC);

CREATE OR REPLACE FUNCTION slo_count_anew(changed integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION slo_minute_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION slo_minute_updated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION slo_slice_hour(sliced integer, this_hour timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE TRIGGER slo_minute_inserted AFTER INSERT ON slo_minute REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION slo_minute_inserted();

CREATE TRIGGER slo_minute_updated AFTER UPDATE ON slo_minute REFERENCING OLD TABLE AS taken NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION slo_minute_updated();
