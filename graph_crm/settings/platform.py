"""Settings of what the platform runs on and serves: folders, Neo4j, server, tokens, logs, workers, the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import AnyHttpUrl, BaseModel, Field, SecretStr

from graph_crm.settings.measures import SHORTEST_SECRET, Megabytes, Seconds

_CHECKOUT = Path(__file__).parents[2]


def default_data_dir() -> Path:
    """Where the data lies when nothing says otherwise: `.graph-crm` of the checkout, else the user's data folder."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".graph-crm"
    return user_data_path("graph-crm", appauthor=False)


class PlatformSettings(BaseModel):
    """What the platform runs on and how it is reached."""

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded database, its password, the demo's secret and the logs.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: user_cache_path("graph-crm", appauthor=False),
        description="Folder where the fetched Neo4j is kept, shared by all data folders.",
    )
    plugins_dir: Path | None = Field(
        default=None, description="A folder of your own rule plugins, loaded after the shipped ones."
    )
    plugin_seconds: Seconds = Field(
        default=30.0,
        description="Seconds that one call of a plugin may take; one that hangs is not asked again. A process whose"
        " event loop stands still four times as long ends, so that it is started anew.",
    )
    rule_modes: dict[str, Literal["off", "shadow", "on"]] = Field(
        default_factory=dict,
        description='Modes that overrule what the rules say, as JSON: {"RULE": "off" or "shadow" or "on"}.',
    )

    neo4j_uri: str | None = Field(
        default=None,
        description="Address of your own Neo4j (neo4j://, neo4j+s:// or bolt://); unset: the embedded one is used.",
    )
    neo4j_username: str = Field(default="neo4j", description="User name for your own Neo4j.")
    neo4j_password: SecretStr | None = Field(default=None, description="Password for your own Neo4j.")
    neo4j_database: str = Field(default="neo4j", description="Name of the database inside your own Neo4j.")
    neo4j_pool_size: int = Field(default=64, ge=1, le=1000, description="Connections kept to Neo4j, at most.")
    neo4j_timeout: Seconds = Field(
        default=15.0, description="Seconds that one statement, or one write with its retries, may take."
    )
    neo4j_patience: Seconds = Field(
        default=60.0, description="Seconds to wait at the start until the database answers."
    )
    neo4j_slow: Seconds = Field(
        default=1.0, description="Statements that take so many seconds are logged, without their parameters."
    )

    engine_version: Literal["2026.04.0", "5.26.28"] = Field(
        default="2026.04.0", description="Version of the embedded Neo4j: the current one or the long-term one."
    )
    engine_repository: AnyHttpUrl | None = Field(
        default=None, description="Your own Maven repository to fetch the embedded Neo4j from; unset: the public one."
    )
    engine_source: Path | None = Field(
        default=None, description="A folder with the jars of the embedded Neo4j, for machines without a network."
    )
    engine_heap_mb: Megabytes | None = Field(
        default=None, description="Java heap of the embedded Neo4j in MiB; unset: sized to the machine."
    )
    engine_pagecache_mb: Megabytes | None = Field(
        default=None, description="Page cache of the embedded Neo4j in MiB; unset: sized to the machine."
    )

    public_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^\s?#]+$",
        description="Address that browsers reach the server by; links in messages begin with it.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the server listens on; 0: any free one.")
    request_timeout: Seconds = Field(default=30.0, description="Seconds that one GraphQL request may take.")
    shutdown_timeout: Seconds = Field(
        default=10.0, description="Seconds that running requests are given when the server stops."
    )
    websocket_connections: int = Field(
        default=1000, ge=0, le=100_000, description="WebSocket connections of a server at once; 0: none are taken."
    )
    websocket_subscriptions: int = Field(
        default=20, ge=1, le=1000, description="Subscriptions on one WebSocket connection at once."
    )
    page_default: int = Field(default=20, ge=1, le=10_000, description="Length of a page when `first` is not given.")
    page_limit: int = Field(default=100, ge=1, le=10_000, description="Largest `first` that a query may ask for.")

    jwt_secret: SecretStr | None = Field(
        default=None,
        description="Secret of links in messages and of tokens for development, "
        f"at least {SHORTEST_SECRET} characters; the demo makes one.",
    )
    jwt_issuer: str = Field(default="graph-crm", min_length=1, description="`iss` that a token must carry.")
    jwt_audience: str = Field(default="graph-crm", min_length=1, description="`aud` that a token must carry.")
    token_hours: float = Field(
        default=12.0, gt=0, le=8760, description="Hours that a token made by `graph-crm token` is valid."
    )

    log_format: Literal["console", "json"] = Field(
        default="console", description="`console` for people, `json` for a log collector: one object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important message that is logged."
    )

    worker_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Transactions that a worker runs at a time, and so many messages that it sends beside them.",
    )
    worker_lease: float = Field(
        default=30.0,
        ge=2,
        le=3600,
        description="Seconds after which the work of a worker that was killed is taken over by another.",
    )
    worker_keep_days: int = Field(
        default=30, ge=1, le=3650, description="Days that done work and used idempotency keys are kept."
    )
    worker_memory_mb: int | None = Field(
        default=None,
        ge=100,
        description="MiB of memory above which a worker finishes what it has begun and ends, so that its supervisor"
        " starts it anew: what a plugin that leaks needs. Unset: it never ends by itself.",
    )
    worker_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port on which a worker shows its metrics; unset: it shows none."
    )

    seed_customers: int = Field(
        default=2000, ge=1, le=1_000_000, description="People and companies in the generated demo bank."
    )
    random_seed: int = Field(default=1, ge=0, description="Seed of the demo bank: the same seed, the same bank.")
    demo: bool = Field(
        default=False, description="Set by `graph-crm demo` for its processes: the secret it made may be used."
    )
