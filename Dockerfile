# The nightly of .github/workflows/nightly.yml as a container that keeps what landed, so that each night fetches what changed.
# docker build --tag palette-analytics .
# docker run --rm --volume "$PWD/.env:/app/.env:ro" --volume palette-data:/app/data palette-analytics
FROM python:3.13-slim-bookworm

# Any version of make will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 palette \
    && install --directory --owner=1000 /app
USER 1000
WORKDIR /app

COPY --chown=1000 Makefile palette.py pyproject.toml README.md ./
COPY --chown=1000 requirements requirements
RUN make .venv/.runtime

COPY --chown=1000 . .
VOLUME /app/data
CMD ["make", "sync", "build", "push"]
