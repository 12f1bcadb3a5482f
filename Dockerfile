# Two stages: the first installs from the hash lock, the second carries only what runs.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/desk
COPY requirements.txt ./
RUN /opt/desk/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt
COPY bot ./bot
COPY config ./config
COPY engine ./engine
COPY storage ./storage

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin desk \
    && install -d -o desk -g desk -m 0700 /data
COPY --from=build /opt/desk /opt/desk
COPY --from=build /src /app
ENV PATH=/opt/desk/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER desk
VOLUME /data
# Mount the operator's TOML and secrets file at /etc/dutchdesk, never over /app/config: that is a package.
# [ops] port must be 9464 there for the health check; the port stays on loopback inside the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run-service", "--config", "/etc/dutchdesk/service.toml", "--data", "/data"]
