FROM python:3.12-slim-bookworm

WORKDIR /srv

# First what changes least, so that a change of the app does not install anew. What a cluster needs
# beside requirements/run.txt is 35 MB; with it one image is the app, its scheduler and its workers.
COPY requirements/cluster.txt requirements/
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes -r requirements/cluster.txt

COPY lstm_engine lstm_engine
COPY app app
COPY templates templates
COPY static static

# All that the app would write is made here: it runs with a read-only root.
RUN python -m app.assets && python -m compileall -q lstm_engine app

ENV HOST=0.0.0.0 \
    PORT=8000 \
    LOG_FORMAT=json \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 8000
USER 10001:10001

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]

# exec form: the server is process 1 and gets SIGTERM itself
CMD ["python", "-m", "app"]
