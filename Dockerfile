# syntax=docker/dockerfile:1

# --- build: locked dependencies and this package in one virtual environment -----------------------------------------
FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/salespulse

# Dependencies change less often than code: their layer comes first.
COPY requirements/ /src/requirements/
RUN /opt/salespulse/bin/pip install --no-deps --require-hashes -r /src/requirements/runtime.txt \
 && python -m pip install --no-deps --require-hashes -r /src/requirements/build.txt

COPY . /src
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels /src \
 && /opt/salespulse/bin/pip install --no-deps /wheels/*.whl

# --- run: no compiler, no pip use, no root --------------------------------------------------------------------------
FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="salespulse" \
      org.opencontainers.image.description="Sales events in Kafka become exact, live KPIs in Prometheus." \
      org.opencontainers.image.licenses="Apache-2.0"

RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin salespulse
COPY --from=build /opt/salespulse /opt/salespulse

# In a container the port is reached from outside it: listen on every address. Logs go to a collector: JSON.
ENV PATH=/opt/salespulse/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SALESPULSE_HTTP_HOST=0.0.0.0 \
    SALESPULSE_LOG_FORMAT=json

# Faust makes an (empty) data folder in the working directory: /tmp is the one place a read-only container may write.
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080 8081

# `serve` and `demo` answer here; docker-compose.yml asks the worker on its own port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]

ENTRYPOINT ["salespulse"]
CMD ["--help"]
