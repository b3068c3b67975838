#!/usr/bin/env bash
# Builds the images of docker-compose.yml, or runs all of it and looks whether it works: `make image`, `make image-test`.
#   image.sh build | test
# SMALL_WORKERS=1 takes the smaller image for everything but the trainer and MLflow.
set -euo pipefail
cd "$(dirname "$0")/../.."

READS_WITHIN_S=15   # a worker's start; the goal is 10 s, a shared runner is slow

fail() { echo "image: $*" >&2; exit 2; }
command -v docker > /dev/null \
  || fail "docker is missing: install Docker Engine 25 or newer and its compose plugin (https://docs.docker.com/engine/install)"
engine=$(docker version --format '{{.Server.Version}}' 2> /dev/null) \
  || fail "Docker's daemon does not answer: start it (systemctl start docker), or name it in DOCKER_HOST"
[ "${engine%%.*}" -ge 25 ] || fail "Docker Engine is $engine: docker-compose.yml needs 25 or newer (start_interval)"
docker compose version > /dev/null 2>&1 || fail "docker compose is missing: install the package docker-compose-plugin"

# passwords and ports of its own: a stack that runs already is left alone
export KAFKA_PORT=19094 GRAFANA_PORT=13000 PROMETHEUS_PORT=19090 ALERTMANAGER_PORT=19093 MLFLOW_PORT=15000
compose() { docker compose --project-name tidewatch-image-test --env-file .env.example --profile demo "$@"; }

build() {
  SMALL_WORKERS=1 compose build --quiet stream
  SMALL_WORKERS='' compose build --quiet trainer
  docker images --filter 'reference=tidewatch*' --format 'table {{.Repository}}\t{{.Tag}}\t{{.Size}}'
}

# seconds from the start of a container to the line in its log that says that it reads
reads_after_s() {
  local started reads
  started=$(docker inspect --format '{{.State.StartedAt}}' "$1")
  reads=$(docker logs --timestamps --since "$started" "$1" 2>&1 | awk '/worker reads/ {print $1; exit}')
  [ -n "$reads" ] || return 1
  awk -v a="$(date -d "$started" +%s.%N)" -v b="$(date -d "$reads" +%s.%N)" 'BEGIN {printf "%.1f", b - a}'
}

each_reads_in_time() {
  local container seconds
  for container in $(compose ps --quiet stream control trainer); do
    seconds=$(reads_after_s "$container") || { echo "$container never said that it reads" >&2; return 1; }
    echo "$(docker inspect --format '{{.Name}}' "$container"): $1, reads ${seconds} s after its start"
    awk -v s="$seconds" -v most="$READS_WITHIN_S" 'BEGIN {exit !(s <= most)}' || return 1
  done
}

look() {
  local container rows
  compose exec -T control tidewatch check || return 1
  each_reads_in_time "first start" || return 1
  for container in $(compose ps --quiet stream control trainer); do
    docker restart "$container" > /dev/null
  done
  compose up --detach --wait --no-recreate || return 1    # healthy again: each of them reads
  each_reads_in_time "restarted" || return 1
  for _ in $(seq 60); do
    rows=$(curl --silent --get "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/query" \
      --data-urlencode 'query=sum(tidewatch_rows_scored_total)' | sed -n 's/.*"value":\[[^,]*,"\([0-9]*\).*/\1/p')
    [ "${rows:-0}" -gt 0 ] && break
    sleep 1
  done
  echo "${rows:-0} rows scored"
  [ "${rows:-0}" -gt 0 ]
}

case "${1:-}" in
  build) build ;;
  test)
    trap 'compose down --volumes > /dev/null 2>&1' EXIT
    compose up --detach --wait --wait-timeout 300 || { compose ps --all; compose logs --tail 20; exit 1; }
    look || { compose logs --tail 20; exit 1; }
    echo "image: good"
    ;;
  *) fail "say build or test" ;;
esac
