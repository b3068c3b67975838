# syntax=docker/dockerfile:1
# One image for every Tidewatch process and for the MLflow server. Built in one stage, run from another that has neither
# compiler, package manager's cache nor source tree.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
RUN pip install uv==0.13.8
WORKDIR /src
# dependencies first: their layer is rebuilt only when they change; requirements.txt constrains versions and verifies hashes
COPY pyproject.toml requirements.txt ./
RUN uv venv /opt/tidewatch \
    && uv pip install --python /opt/tidewatch --constraint requirements.txt --requirements pyproject.toml
COPY README.md LICENSE ./
COPY models models
COPY infra infra
COPY agents agents
COPY prometheus prometheus
COPY alertmanager alertmanager
RUN uv build --wheel --out-dir /dist \
    && uv pip install --python /opt/tidewatch --no-deps /dist/*.whl

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="Tidewatch" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 tidewatch \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/tidewatch --shell /usr/sbin/nologin tidewatch \
    && install -d -o tidewatch -g tidewatch /var/lib/tidewatch /var/lib/tidewatch/lake /var/lib/mlflow
COPY --from=build /opt/tidewatch /opt/tidewatch
# compiled kernels are kept in /tmp because everything else may be read-only
ENV PATH=/opt/tidewatch/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    TIDEWATCH_HOME=/var/lib/tidewatch \
    TIDEWATCH_METRICS_HOST=0.0.0.0 \
    TIDEWATCH_METRICS_PORT=9108
USER 10001:10001
WORKDIR /var/lib/tidewatch
EXPOSE 9108
# a worker serves its metrics as long as it is alive; what it waits for is in them
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=2s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9108/metrics', timeout=4).read()"]
ENTRYPOINT ["tidewatch"]
CMD ["worker"]
