#!/bin/sh
# Run once, by the PostgreSQL image, when its data folder is new: MLflow's database, and a role for Grafana that may read and
# nothing else, since whoever may edit a dashboard may run any query.
: "${GRAFANA_DATABASE_PASSWORD:?set GRAFANA_DATABASE_PASSWORD in .env}"
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --set=password="$GRAFANA_DATABASE_PASSWORD" <<'SQL'
CREATE DATABASE mlflow;
CREATE ROLE grafana LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO grafana;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '15s';
SQL
