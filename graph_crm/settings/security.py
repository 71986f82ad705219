"""Settings of who may call: issuers of tokens, origins, hosts, proxies, and how often somebody may ask."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from graph_crm.settings.measures import SHORTEST_SECRET, Seconds

Rate = Annotated[float, Field(ge=0, le=1_000_000)]
Cost = Annotated[float, Field(ge=0, le=1e12)]
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HTTP: Final = frozenset({"http", "https"})


class SecuritySettings(BaseModel):
    """Who is believed, and what one caller may take of the server."""

    jwks_url: str | None = Field(
        default=None,
        description="Address of your identity provider's public keys (JWKS), https; unset: none are fetched.",
    )
    jwks_file: Path | None = Field(
        default=None, description="A file with those keys instead; a change of it is seen within ten seconds."
    )
    jwks_seconds: Seconds = Field(default=600.0, description="Seconds that fetched keys are used before they are new.")
    jwks_grace_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=86_400,
        description="Seconds beyond that for which the last keys are used while the provider can't be reached.",
    )
    jwt_hs256: bool = Field(
        default=False, description="For development: take tokens signed with GRAPH_CRM_JWT_SECRET (HS256)."
    )
    jwt_audiences: list[str] = Field(
        default_factory=list, description='Further values of `aud` that are taken, as JSON: ["mobile-api"].'
    )
    jwt_skew_seconds: float = Field(
        default=30.0, ge=0, le=300, description="Seconds that the clocks of issuer and server may differ."
    )
    jwt_access_type: bool = Field(
        default=False, description="Take only tokens of the type `at+jwt` (RFC 9068), not plain `JWT`."
    )
    jwt_role_claim: str = Field(
        default="role", min_length=1, description="Claim that names the role or the groups, with dots into objects."
    )
    jwt_party_claim: str = Field(
        default="party", min_length=1, description="Claim that names the caller's own party, with dots into objects."
    )
    jwt_roles: dict[str, str] = Field(
        default_factory=dict,
        description='Your groups and the roles that they mean, as JSON: {"CRM-Agents": "agent"}; others mean nothing.',
    )

    allowed_origins: list[str] = Field(
        default_factory=list,
        description='Origins of web applications that may call, as JSON: ["https://desk.bank.example"].',
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description='Host names that are answered, as JSON: ["crm.bank.example"]; empty: any.',
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description='Proxies whose X-Forwarded-For is believed, as JSON: ["10.0.0.5"]; no network that callers are in; '
        "empty: none.",
    )
    hsts_days: int = Field(
        default=365, ge=0, le=3650, description="Days of Strict-Transport-Security where public_url is https; 0: none."
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description=f"Bearer token for /metrics from another machine, at least {SHORTEST_SECRET} characters.",
    )

    requests_per_second: dict[str, Rate] = Field(
        default_factory=dict,
        description='Requests a second of one caller by role, as JSON: {"service": 5000}; 0: no limit.',
    )
    address_requests_per_second: Rate = Field(
        default=50.0, description="Requests a second of one address without a valid token; 0: no limit."
    )
    query_cost: dict[str, Cost] = Field(
        default_factory=dict,
        description='Cost of one query at most by role, as JSON: {"analyst": 200000}; 0: no limit (docs/limits.md).',
    )
    query_cost_at_once: dict[str, Cost] = Field(
        default_factory=dict,
        description="Cost at most of what one caller has running at once, by role, as JSON; 0: no limit.",
    )
    unseen_seconds: dict[str, Rate] = Field(
        default_factory=dict,
        description="Seconds of work a minute that one caller may cause with queries that the server has not seen, by "
        "role, as JSON; 0: no limit.",
    )
    documents: Path | None = Field(
        default=None, description="Manifest of persisted documents, or a folder of such manifests."
    )
    documents_only: list[str] = Field(
        default_factory=list,
        description='Roles that may ask for persisted documents only, as JSON: ["customer"] or ["everybody"].',
    )
    connections: int = Field(
        default=4000, ge=1, le=1_000_000, description="Connections of a server at once, of every kind."
    )
    connections_per_address: int = Field(
        default=0, ge=0, le=1_000_000, description="Connections of one address at once; 0: no limit of its own."
    )
    header_seconds: Seconds = Field(default=10.0, description="Seconds that the head of a request may take to arrive.")
    keep_alive_seconds: Seconds = Field(
        default=30.0, description="Seconds that a connection may be idle between two requests."
    )
    websocket_per_caller: int = Field(
        default=20, ge=1, le=100_000, description="WebSocket connections of one caller at once."
    )
    websocket_unknown: int = Field(
        default=100, ge=1, le=100_000, description="WebSocket connections at once that have not shown a token yet."
    )

    @field_validator("jwks_url")
    @classmethod
    def _private_way(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
        ):
            raise ValueError("is no address that begins with https:// (http:// only on this machine)")
        return url

    @field_validator("allowed_origins")
    @classmethod
    def _whole_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in _HTTP or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f'"{origin}" is no origin: scheme, host and port only, for example https://a.example')
        return [origin.lower() for origin in origins]

    @field_validator("allowed_hosts")
    @classmethod
    def _names_of_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not host or set(host) & set("/:@ "):
                raise ValueError(f'"{host}" is no name of a host: leave out scheme and port')
        return [host.lower() for host in hosts]

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(f'"{proxy}" is no address and no network, for example 10.0.0.0/8') from None
        return proxies

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> Self:
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("GRAPH_CRM_JWKS_URL and GRAPH_CRM_JWKS_FILE are both set: one of them")
        return self
