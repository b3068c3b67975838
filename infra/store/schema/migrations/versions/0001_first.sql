-- first schema; applied by the first Alembic migration and kept as it was
CREATE TABLE slo (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    service       text NOT NULL,
    target_ratio  double precision NOT NULL CHECK (target_ratio > 0 AND target_ratio < 1),
    document      jsonb NOT NULL,                       -- the OpenSLO document as applied
    active        boolean NOT NULL DEFAULT true,
    revision      integer NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE slo_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slo_name   text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    before     jsonb,
    after      jsonb
);
CREATE TABLE slo_minute (                               -- additive counts of one minute of event time
    slo_id integer NOT NULL REFERENCES slo (id) ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    good   double precision NOT NULL,
    total  double precision NOT NULL,
    PRIMARY KEY (slo_id, minute)
);
CREATE TABLE slo_hour (                                 -- the sums of slo_minute by hour, kept exact by its triggers
    slo_id integer NOT NULL REFERENCES slo (id) ON DELETE CASCADE,
    hour   timestamptz NOT NULL,
    good   double precision NOT NULL,
    total  double precision NOT NULL,
    PRIMARY KEY (slo_id, hour)
);
-- Whoever counts writes minutes only. Deleting old minutes leaves the hours as they are.
CREATE FUNCTION slo_minute_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO slo_hour (slo_id, hour, good, total)
        SELECT slo_id, date_trunc('hour', minute, 'UTC'), sum(good), sum(total) FROM added GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, hour) DO UPDATE
            SET good = slo_hour.good + excluded.good, total = slo_hour.total + excluded.total;
    RETURN NULL;
END $$;
CREATE FUNCTION slo_minute_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO slo_hour (slo_id, hour, good, total)
        SELECT slo_id, date_trunc('hour', minute, 'UTC'), sum(good), sum(total)
        FROM (SELECT * FROM added UNION ALL SELECT slo_id, minute, -good, -total FROM taken) AS changes
        GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (slo_id, hour) DO UPDATE
            SET good = slo_hour.good + excluded.good, total = slo_hour.total + excluded.total;
    RETURN NULL;
END $$;
CREATE TRIGGER slo_minute_inserted AFTER INSERT ON slo_minute
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION slo_minute_inserted();
CREATE TRIGGER slo_minute_updated AFTER UPDATE ON slo_minute
    REFERENCING OLD TABLE AS taken NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION slo_minute_updated();
CREATE TABLE slo_status (                               -- what the SLO clock saw last, one row per SLO and window
    slo_id       integer NOT NULL REFERENCES slo (id) ON DELETE CASCADE,
    burn_window  text NOT NULL,                         -- '5m', '1h', ...; 'period' for the budget
    error_ratio  double precision,
    burn_rate    double precision,
    budget_remaining_ratio double precision,
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (slo_id, burn_window)
);
CREATE TABLE slo_alert (                                -- burn alerts that fire at present; by name, to outlive a change of the SLO
    service     text NOT NULL,
    slo_name    text NOT NULL,
    severity    text NOT NULL,
    burn_window text NOT NULL,                          -- long window of the pair
    started_at  timestamptz NOT NULL,
    annotations jsonb NOT NULL,                         -- as sent when it fired
    PRIMARY KEY (service, slo_name, severity, burn_window)
);

CREATE TABLE progress (                                 -- one row per partition of `samples`
    topic         text NOT NULL,
    partition     integer NOT NULL,
    next_offset   bigint NOT NULL,                      -- first offset that is not yet folded
    source_high   jsonb NOT NULL DEFAULT '{}',          -- {"metrics:0": highest source offset folded}
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);
CREATE TABLE snapshot (                                 -- newest state snapshot of a partition
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,                        -- the state holds everything below this offset
    taken_at    timestamptz NOT NULL DEFAULT now(),
    sha256      text NOT NULL,
    size_bytes  bigint NOT NULL,
    body        bytea,                                  -- small ones here,
    location    text,                                   -- large ones in the lake
    PRIMARY KEY (topic, partition),
    CHECK ((body IS NULL) <> (location IS NULL))
);
CREATE TABLE model_swap (                               -- where in the stream a worker changed a service's model, for exact replay
    topic       text NOT NULL,
    partition   integer NOT NULL,
    at_offset   bigint NOT NULL,
    service     text NOT NULL,
    version     text NOT NULL,                          -- empty: the service lost its model
    sha256      text NOT NULL,
    artifact    text NOT NULL,
    PRIMARY KEY (topic, partition, at_offset, service)
);

CREATE TABLE anomaly (                                  -- one row per episode
    id            text PRIMARY KEY,                     -- from entity and start, so a repeat is recognised
    service       text NOT NULL,
    entity        text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    peak_score    double precision NOT NULL,
    peak_at       timestamptz NOT NULL,
    cause_metric  text NOT NULL,
    causes        jsonb NOT NULL,                       -- [["latency_ms", 0.71], ...], share of the score, largest first
    value         double precision,
    expected      double precision,
    expected_lower double precision,
    expected_upper double precision,
    model_version text NOT NULL
);
CREATE INDEX anomaly_service_started ON anomaly (service, started_at DESC);

CREATE TABLE drift (
    id        text PRIMARY KEY,
    service   text NOT NULL,
    entity    text NOT NULL,
    series    text NOT NULL,
    detector  text NOT NULL,
    statistic double precision NOT NULL,
    window_rows integer NOT NULL,
    at        timestamptz NOT NULL
);

CREATE TABLE outbox (                                   -- events decided in a transaction, on their way to Kafka
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     text NOT NULL UNIQUE,
    topic        text NOT NULL,                         -- without prefix
    key          text NOT NULL,
    value        bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX outbox_pending ON outbox (id) WHERE published_at IS NULL;

CREATE TABLE alert (                                    -- current and past alerts; identity is the label set
    fingerprint text PRIMARY KEY,
    labels      jsonb NOT NULL,
    annotations jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('firing', 'resolved')),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,                            -- set when resolved
    event_id    text NOT NULL,                          -- the AlertEvent this row comes from
    accepted_at timestamptz,                            -- when Alertmanager first took it in its present state
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE decision (                                 -- why something was or was not sent, newest per subject
    kind       text NOT NULL,                           -- 'slo', 'anomaly', 'retrain'
    subject    text NOT NULL,
    decision   text NOT NULL,                           -- a member of models.reasons
    detail     jsonb NOT NULL DEFAULT '{}',
    first_at   timestamptz NOT NULL DEFAULT now(),
    last_at    timestamptz NOT NULL DEFAULT now(),
    times      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (kind, subject, decision)
);

CREATE TABLE training (                                 -- one row per retraining request
    id          text PRIMARY KEY,                       -- the RetrainEvent's id
    service     text NOT NULL,
    reason      text NOT NULL,
    evidence    jsonb NOT NULL DEFAULT '{}',
    asked_at    timestamptz NOT NULL,                   -- event time of the evidence
    started_at  timestamptz,
    finished_at timestamptz,
    outcome     text,                                   -- a member of models.reasons.TrainingOutcome
    version     text,
    metrics     jsonb NOT NULL DEFAULT '{}',
    detail      text NOT NULL DEFAULT '',
    not_before  timestamptz,                            -- an open request waits until then: cool-down, an incident, a retry
    attempts    integer NOT NULL DEFAULT 0,
    trained_to  timestamptz                             -- newest event time that the training saw
);
CREATE INDEX training_service ON training (service, asked_at DESC);
CREATE INDEX training_open ON training (asked_at) WHERE outcome IS NULL;
CREATE TABLE serving (                                  -- which version each service's champion is, as announced last
    service    text PRIMARY KEY,
    version    text NOT NULL,
    sha256     text NOT NULL,
    artifact   text NOT NULL,
    promoted_at timestamptz NOT NULL
);
