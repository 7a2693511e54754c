# Rolebridge's one image: web, worker, beat and commands are different arguments of it (docs/production.md).
# Built in two stages, so that what installs packages is not in what runs. Runs as nobody in particular, and with a
# read-only root file system: it writes to /tmp and /dev/shm alone.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/rolebridge
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements-bootstrap.txt requirements.txt ./
RUN pip install --require-hashes -r requirements-bootstrap.txt \
    && uv pip install --no-cache --compile-bytecode --require-hashes -r requirements.txt \
    && uv pip uninstall uv
COPY manage.py catalogue.yaml ./
COPY scripts scripts
COPY deploy/gunicorn.conf.py deploy/gunicorn.conf.py
COPY portal portal
COPY tenants tenants
COPY integrations integrations
COPY templates templates
COPY static static
RUN python -m scripts.collect_static && python -m compileall -q portal tenants integrations

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Rolebridge" \
      org.opencontainers.image.description="Safe, provable access of a SaaS vendor to its customers' AWS accounts"
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ROLEBRIDGE_MODE=production
WORKDIR /srv/rolebridge
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/rolebridge /srv/rolebridge
USER 10001:10001
EXPOSE 8000
# Celery's and gunicorn's SIGTERM is the graceful one. No shell stands between the platform and the process.
STOPSIGNAL SIGTERM
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py", "portal.wsgi"]
