# syntax=docker/dockerfile:1
# Two images out of one file, and the second only adds to the first:
#   docker build --target worker -t tidewatch-worker:0.1.0 .   reads, scores, judges SLOs, tells people, produces
#   docker build -t tidewatch:0.1.0 .                          and trains, and is the MLflow server
# Needs Docker Engine 25 or newer: HEALTHCHECK below has a start interval. docs/containers.md has sizes and times.

# what an image starts from: Python without what installs packages, in one layer of its own further down
FROM python:3.11.14-slim-bookworm AS base
COPY infra/docker/prune-base.sh /tmp/
RUN sh /tmp/prune-base.sh \
    && groupadd --system --gid 10001 tidewatch \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/tidewatch --shell /usr/sbin/nologin tidewatch \
    && install -d -o tidewatch -g tidewatch \
        /var/lib/tidewatch /var/lib/tidewatch/lake /var/lib/mlflow /var/cache/tidewatch /var/cache/tidewatch/loops

# dependencies first: their layers are built anew only when they change; requirements.txt constrains versions and
# verifies hashes
FROM python:3.11.14-slim-bookworm AS worker-packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
RUN pip install uv==0.13.8 \
    && apt-get update -qq && apt-get install -qq --no-install-recommends binutils
WORKDIR /src
COPY pyproject.toml requirements.txt ./
COPY infra/docker/trainer-packages.txt infra/docker/prune-packages.sh infra/docker/
RUN uv venv /opt/tidewatch \
    && uv pip install --python /opt/tidewatch --constraint requirements.txt --requirements pyproject.toml \
        --excludes infra/docker/trainer-packages.txt \
    && sh infra/docker/prune-packages.sh /opt/tidewatch

# the same environment with everything; what that adds is a layer of its own
FROM worker-packages AS trainer-packages
RUN cd /opt/tidewatch && find . ! -type d | sort > /tmp/before \
    && uv pip install --python /opt/tidewatch --constraint /src/requirements.txt --requirements /src/pyproject.toml \
    && sh /src/infra/docker/prune-packages.sh /opt/tidewatch \
    && mkdir -p /added/opt/tidewatch \
    && find . ! -type d | sort | comm -13 /tmp/before - | tar --create --files-from=- \
        | tar --extract --directory /added/opt/tidewatch

# compiled for this machine's processor; a worker on another one compiles once, into its volume
FROM worker-packages AS loops
COPY models /opt/tidewatch/lib/python3.11/site-packages/models
RUN NUMBA_CACHE_DIR=/opt/tidewatch/loops /opt/tidewatch/bin/python -c \
    'import models.pipeline.warm_up as fold, models.training.warm_up as training; fold.warm_up(); training.warm_up_training()'

FROM worker-packages AS wheel
COPY README.md LICENSE ./
COPY models models
COPY infra infra
COPY agents agents
COPY prometheus prometheus
COPY alertmanager alertmanager
COPY slos slos
RUN uv build --wheel --out-dir /dist \
    && uv pip install --python /opt/tidewatch --no-deps /dist/*.whl

FROM scratch AS worker
LABEL org.opencontainers.image.title="Tidewatch" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=base / /
COPY --from=wheel /opt/tidewatch /opt/tidewatch
COPY --from=loops /opt/tidewatch/loops /opt/tidewatch/loops
ENV PATH=/opt/tidewatch/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/tidewatch/loops \
    TIDEWATCH_HOME=/var/lib/tidewatch \
    TIDEWATCH_METRICS_HOST=0.0.0.0 \
    TIDEWATCH_METRICS_PORT=9108 \
    TIDEWATCH_HEALTH_FILE=/tmp/tidewatch.health
USER 10001:10001
WORKDIR /var/lib/tidewatch
EXPOSE 9108
# whether a worker reads, or a producer delivers: each writes down how it is to be asked; what it waits for is in the answer
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --start-interval=2s --retries=4 \
    CMD python -m infra.health "$TIDEWATCH_HEALTH_FILE"
ENTRYPOINT ["tidewatch"]
CMD ["worker"]

FROM worker AS tidewatch
COPY --from=trainer-packages /added /
