"""Every setting of the platform, from one place: the environment, a ``.env`` file, a TOML file, or a default.

An environment variable ``GRAPH_CRM_<NAME>`` wins over ``.env``, which wins over ``graph-crm.toml``. The four names of
your own Neo4j (``NEO4J_URI``, ``NEO4J_USERNAME``, ``NEO4J_PASSWORD``, ``NEO4J_DATABASE``) are honoured bare as well.
`graph-crm settings` lists all of it with where each value came from; `docs/settings.md` is that list in prose.
"""

from __future__ import annotations

import contextvars
import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from graph_crm.errors import ConfigurationError

PREFIX = "GRAPH_CRM_"
CONFIG_VARIABLE = "GRAPH_CRM_CONFIG"
BARE_NAMES = ("neo4j_uri", "neo4j_username", "neo4j_password", "neo4j_database")
SHORTEST_SECRET = 32
_CHECKOUT = Path(__file__).parent.parent

Seconds = Annotated[float, Field(gt=0, le=3600)]
Share = Annotated[float, Field(ge=0, le=1)]
Megabytes = Annotated[int, Field(ge=64, le=1_048_576)]


def default_data_dir() -> Path:
    """Where the data lies when nothing says otherwise: `.graph-crm` of the checkout, else the user's data folder."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".graph-crm"
    return user_data_path("graph-crm", appauthor=False)


def config_file() -> Path | None:
    """The TOML file in force: the one GRAPH_CRM_CONFIG names, else `graph-crm.toml` here or in the user's folder.

    Raises ConfigurationError when GRAPH_CRM_CONFIG names a file that is not there.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigurationError(
                f"{CONFIG_VARIABLE} names {path}, which is not there.", hint="Name a TOML file or unset the variable."
            )
        return path
    candidates = (Path("graph-crm.toml"), user_config_path("graph-crm", appauthor=False) / "graph-crm.toml")
    return next((path for path in candidates if path.is_file()), None)


# Which source gave a field's value; filled while a Settings is built, read by `load`.
_origins: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("settings_origins", default=None)


class _Traced(PydanticBaseSettingsSource):
    """A source that remembers which fields it gave, so that `graph-crm settings` can say where a value came from."""

    def __init__(self, settings: type[BaseSettings], source: PydanticBaseSettingsSource, label: str) -> None:
        super().__init__(settings)
        self._source = source
        self._label = label

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # pragma: no cover
        """Pydantic's interface; values are taken from the wrapped source as a whole."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        self._source._set_current_state(self.current_state)  # noqa: SLF001 - how pydantic-settings chains sources
        self._source._set_settings_sources_data(self.settings_sources_data)  # noqa: SLF001 - the same
        values = self._source()
        origins = _origins.get()
        if origins is not None:
            for name in values:
                label = self._label.format(variable=f"{PREFIX}{name.upper()}", bare=name.upper())
                origins.setdefault(name, label)
        return values


class _BareNames(PydanticBaseSettingsSource):
    """NEO4J_URI and its three companions, as other Neo4j tools name them."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings)
        self._variables = {name.lower(): value for name, value in variables.items()}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The value of the bare variable, if it is set."""
        del field
        return self._variables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: value for name in BARE_NAMES if (value := self._variables.get(name))}


class Settings(BaseSettings):
    """All settings. Field descriptions are the documentation: keep them short and say the unit."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", validate_default=True, frozen=True
    )

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
    rule_modes: dict[str, Literal["off", "shadow", "on"]] = Field(
        default_factory=dict,
        description='Modes that overrule what the rules say, as JSON: {"RULE": "off" or "shadow" or "on"}.',
    )

    service_desk: Path | None = Field(
        default=None, description="Your own service desk, a TOML file; unset: the shipped one is in force."
    )
    complaint_rules: Path | None = Field(
        default=None, description="Your own rules of complaints, a TOML file; unset: the shipped ones are in force."
    )
    contact_policy: Path | None = Field(
        default=None, description="Your own contact policy, a TOML file; unset: the shipped one is in force."
    )
    event_retention: Path | None = Field(
        default=None, description="Your own event retention, a TOML file; unset: the shipped one is in force."
    )
    session_minutes: dict[Literal["ONLINE", "ATM", "BRANCH", "CALL"], Annotated[int, Field(ge=1, le=1440)]] = Field(
        default_factory=dict,
        description='Minutes of silence that end a session, as JSON: {"ONLINE": 15} (ATM 5, BRANCH 120, CALL 60).',
    )
    texts_dir: Path | None = Field(
        default=None, description="A folder of your own texts (LANGUAGE.ftl), which win over the shipped ones."
    )

    interest_half_life_days: int = Field(
        default=30, ge=1, le=3650, description="Days after which half of a look at a product is left in its score."
    )
    templates_dir: Path | None = Field(
        default=None, description="A folder of your own message templates (LANGUAGE/NAME.toml), which win."
    )
    delivery_attempts: int = Field(
        default=6, ge=1, le=20, description="Attempts to hand over a message before it goes another way, or fails."
    )
    smtp_host: str | None = Field(
        default=None, min_length=1, description="Your mail server; unset: e-mails fail, and say what to set."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of your mail server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the mail server is spoken to: `starttls`, `tls` from the start, or `none`."
    )
    smtp_user: str | None = Field(default=None, description="User name at the mail server; unset: none is given.")
    smtp_password: SecretStr | None = Field(default=None, description="Password at the mail server.")
    smtp_from: str | None = Field(
        default=None, description="Sender of all mails, for example `Your bank <service@bank.example>`."
    )
    smtp_reply_to: str | None = Field(default=None, description="Where answers go; unset: to the sender.")
    sms_url: AnyHttpUrl | None = Field(
        default=None, description="Address of your SMS gateway; unset: text messages fail, and say what to set."
    )
    sms_key: SecretStr | None = Field(default=None, description="Token for the SMS gateway, sent as a bearer token.")
    sms_sender: str = Field(default="Bank", min_length=1, max_length=20, description="Sender of text messages.")
    sms_body: str | None = Field(
        default=None, description="JSON that the SMS gateway takes, with {sender}, {to}, {text}, {id}, {key}."
    )
    sms_id_field: str = Field(
        default="id", min_length=1, description="Field of the gateway's answer that names a text message, with dots."
    )
    sms_idempotent: bool = Field(
        default=False, description="Whether the SMS gateway drops repeats of one `Idempotency-Key`."
    )
    sms_per_second: float | None = Field(
        default=None, gt=0, le=10_000, description="Text messages a second of one worker; unset: no limit."
    )
    sms_callback_secret: SecretStr | None = Field(
        default=None,
        description=f"Secret that signs what the SMS gateway tells, at least {SHORTEST_SECRET} characters.",
    )
    push_url: AnyHttpUrl | None = Field(
        default=None, description="Address of your push service; unset: push messages fail, and say what to set."
    )
    push_secret: SecretStr | None = Field(
        default=None, description=f"Secret that signs requests to it, at least {SHORTEST_SECRET} characters."
    )
    letters: str | None = Field(
        default=None, min_length=1, description="Where letters are put as PDF: a folder, or an address of fsspec."
    )
    letter_sender: str = Field(
        default="", max_length=100, description="The bank's own address on letters, in one line."
    )
    message_folder: Path | None = Field(
        default=None,
        description="For trying out: messages that no channel above carries are put here as files, not sent.",
    )

    exploration: Share = Field(
        default=0.05,
        description="Share of the decisions, 0 to 1, that try out what is not yet known well instead of the best.",
    )
    control_share: Share = Field(
        default=0.0, description="Share of the households, 0 to 1, that nothing is promoted to, to measure by."
    )
    control_salt: str = Field(
        default="graph-crm", min_length=1, description="What the control group is drawn with; another draws a new one."
    )
    levers: dict[str, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='What priorities are multiplied by, as JSON: {"PRODUCT": 1.5, "family:FAMILY": 0.5}.',
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

    reservation_hours: float = Field(
        default=72.0, gt=0, le=168, description="Hours for which a contact is held for whoever is to make it."
    )
    offer_days: int = Field(
        default=30, ge=1, le=365, description="Days for which an offer can be made to the customer."
    )
    scan_hours: float = Field(
        default=24.0, gt=0, le=8760, description="Hours between two scans of the rules that wait for no event."
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
        description=f"Secret that signs the tokens (HS256), at least {SHORTEST_SECRET} characters; the demo makes one.",
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
    worker_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port on which a worker shows its metrics; unset: it shows none."
    )

    attachments_url: str | None = Field(
        default=None,
        min_length=1,
        description="Where documents and mails are kept: a folder, or an address that fsspec knows; unset: data_dir.",
    )
    attachment_bytes: int = Field(
        default=20_000_000, ge=1_000, le=1_000_000_000, description="Bytes of the largest document that is taken."
    )
    attachment_types: list[str] = Field(
        default_factory=list,
        description='Media types of documents that are taken, as JSON: ["application/pdf"]; empty: the shipped list.',
    )
    mail_addresses: list[str] = Field(
        default_factory=list,
        description='The bank\'s addresses that requests are sent to, as JSON: ["service@bank.example"].',
    )
    mail_host: str = Field(default="127.0.0.1", description="Address that the receiver of mails listens on.")
    mail_port: int = Field(
        default=2525, ge=0, le=65535, description="Port that the receiver of mails listens on; 0: any free one."
    )
    mail_bytes: int = Field(
        default=25_000_000, ge=10_000, le=1_000_000_000, description="Bytes of the largest mail that is taken."
    )
    mail_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) of the receiver of mails; unset: it offers no STARTTLS."
    )
    mail_key: Path | None = Field(default=None, description="Private key (PEM) of that certificate.")
    mail_trusted_server: str | None = Field(
        default=None,
        min_length=1,
        description="Name of your mail server in Authentication-Results; unset: no verdict on senders is believed.",
    )
    mail_most_an_hour: int = Field(
        default=30, ge=1, le=100_000, description="Mails of one sender that may open or join requests within an hour."
    )
    mail_keep_days: int = Field(default=3650, ge=1, le=36_500, description="Days that mails are kept as they came.")
    imap_host: str | None = Field(
        default=None, min_length=1, description="Server of the mailbox that is polled; unset: none is."
    )
    imap_port: int = Field(default=993, ge=1, le=65535, description="Port of that server.")
    imap_tls: bool = Field(default=True, description="Whether that server is spoken to over TLS from the start.")
    imap_user: str | None = Field(default=None, min_length=1, description="User name of the mailbox.")
    imap_password: SecretStr | None = Field(default=None, description="Password of the mailbox.")
    imap_folder: str = Field(default="INBOX", min_length=1, description="Folder of the mailbox that is polled.")
    imap_done_folder: str | None = Field(
        default=None,
        min_length=1,
        description="Folder that mails are moved to when they are safe; unset: they stay, read.",
    )
    imap_seconds: Seconds = Field(default=10.0, description="Seconds between two looks into the mailbox.")
    sorting_threshold: Share = Field(
        default=0.7,
        description="Confidence, 0 to 1, from which on the classifier sorts by itself; below a person does.",
    )
    sorting_model: Path | None = Field(
        default=None, description="File of the trained classifier; unset: sorting/model.npz in data_dir."
    )

    seed_customers: int = Field(
        default=2000, ge=1, le=1_000_000, description="People and companies in the generated demo bank."
    )
    random_seed: int = Field(default=1, ge=0, description="Seed of the demo bank: the same seed, the same bank.")
    demo: bool = Field(
        default=False, description="Set by `graph-crm demo` for its processes: the secret it made may be used."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Highest first: arguments, environment, bare NEO4J_*, .env, TOML file."""
        del file_secret_settings
        sources = [
            _Traced(settings_cls, init_settings, "argument"),
            _Traced(settings_cls, env_settings, "environment {variable}"),
            _Traced(settings_cls, _BareNames(settings_cls, os.environ), "environment {bare}"),
            _Traced(settings_cls, dotenv_settings, "file .env"),
            _Traced(settings_cls, _BareNames(settings_cls, dotenv_values(".env")), "file .env"),
        ]
        toml = config_file()
        if toml is not None:
            sources.append(_Traced(settings_cls, TomlConfigSettingsSource(settings_cls, toml), f"file {toml}"))
        return tuple(sources)

    @field_validator(
        "data_dir",
        "cache_dir",
        "plugins_dir",
        "contact_policy",
        "service_desk",
        "complaint_rules",
        "event_retention",
        "engine_source",
        "texts_dir",
        "templates_dir",
        "message_folder",
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path is not None else None

    @field_validator("neo4j_uri")
    @classmethod
    def _known_scheme(cls, uri: str | None) -> str | None:
        schemes = tuple(f"{base}{tls}://" for base in ("neo4j", "bolt") for tls in ("", "+s", "+ssc"))
        if uri is not None and not uri.startswith(schemes):
            raise ValueError(f"starts with none of {', '.join(schemes)}")
        return uri

    @field_validator("jwt_secret", "sms_callback_secret", "push_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"is shorter than {SHORTEST_SECRET} characters")
        return secret

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.page_default > self.page_limit:
            names = [variable_of(name) for name in ("page_default", "page_limit")]
            raise ValueError(f"{names[0]} ({self.page_default}) is above {names[1]} ({self.page_limit})")
        if self.smtp_host is not None and self.smtp_from is None:
            raise ValueError(f"{variable_of('smtp_host')} is set, {variable_of('smtp_from')} is not")
        if self.push_url is not None and self.push_secret is None:
            raise ValueError(f"{variable_of('push_url')} is set, {variable_of('push_secret')} is not")
        if self.neo4j_uri is not None and self.neo4j_password is None:
            raise ValueError("NEO4J_URI is set, NEO4J_PASSWORD is not")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the platform runs its own Neo4j."""
        return self.neo4j_uri is None

    @property
    def sms_callback_key(self) -> str | None:
        """What the SMS gateway signs with; None: it is not expected to tell anything."""
        return None if self.sms_callback_secret is None else self.sms_callback_secret.get_secret_value()

    @property
    def loopback(self) -> bool:
        """Whether the server can be reached from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def log_file(self) -> Path:
        """Where the traces of unexpected errors and the log of this data folder go."""
        return self.data_dir / "logs" / "graph-crm.log"

    @property
    def plugin_folders(self) -> list[Path]:
        """The folders that rules are loaded from, in order: the shipped ones, then yours.

        Raises ConfigurationError when yours is not there: without its rules and vetoes nothing may run.
        """
        from graph_crm.resources import folder  # noqa: PLC0415 - a sibling layer, wanted only here

        if self.plugins_dir is None:
            return [folder("plugins")]
        if not self.plugins_dir.is_dir():
            raise ConfigurationError(
                f"{variable_of('plugins_dir')} names {self.plugins_dir}, which is no folder: your rules and vetoes "
                "would be missing.",
                hint="Correct the path or make the folder; without plugins of your own, unset it.",
            )
        return [folder("plugins"), self.plugins_dir]


@dataclass(frozen=True)
class Setting:
    """One line of `graph-crm settings`."""

    name: str
    variable: str
    value: str | int | float | bool | None
    """JSON-safe; a secret is shown as asterisks."""
    origin: str
    """"default", "environment VARIABLE", "file PATH" or "argument"."""
    meaning: str


def load(**overrides: Any) -> Settings:
    """The settings of this process; ``overrides`` (from the command line) win over everything.

    Raises ConfigurationError naming the setting, where its value came from and what is wrong with it.
    """
    return _load(overrides)[0]


def describe(**overrides: Any) -> list[Setting]:
    """Every setting with its value (secrets masked), its origin and its meaning, in the order of the class."""
    settings, origins = _load(overrides)
    return [
        Setting(
            name=name,
            variable=variable_of(name),
            value=_shown(getattr(settings, name)),
            origin=origins.get(name, "default"),
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def variable_of(name: str) -> str:
    """The environment variable of the setting ``name``."""
    return f"{PREFIX}{name.upper()}"


def unknown_names(environment: Mapping[str, str] | None = None) -> list[str]:
    """What looks like a setting and is none, in the environment and in the TOML file: a typing error, most likely."""
    environment = os.environ if environment is None else environment
    known = {variable_of(name) for name in Settings.model_fields} | {CONFIG_VARIABLE}
    found = [
        _suggestion(f"environment variable {name}", name, known)
        for name in sorted(environment)
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_") and name not in known
    ]
    file = config_file()
    if file is not None:
        names = set(Settings.model_fields)
        try:
            keys = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError):  # `load` says what is wrong with the file
            keys = {}
        found += [_suggestion(f"{file}: {key}", key, names) for key in keys if key not in names]
    return found


def _suggestion(shown: str, name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"{shown} is no setting" + (f"; did you mean {near[0]}?" if near else "")


def _shown(value: Any) -> str | int | float | bool | None:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, dict):
        return json.dumps(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _load(overrides: dict[str, Any]) -> tuple[Settings, dict[str, str]]:
    origins: dict[str, str] = {}
    token = _origins.set(origins)
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(
            _problems(error, origins), hint="`graph-crm settings` lists every setting, docs/settings.md explains them."
        ) from None  # pydantic's own text repeats the values, secrets among them
    except SettingsError as error:
        raise ConfigurationError(
            _unreadable(error), hint="`graph-crm settings` lists every setting, docs/settings.md explains them."
        ) from None  # its cause repeats the value
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{config_file()} is no TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The file .env or {config_file() or 'graph-crm.toml'} is no text in UTF-8: {error.reason}.",
            hint="Save it as UTF-8.",
        ) from None
    finally:
        _origins.reset(token)
    return settings, origins


def _unreadable(error: SettingsError) -> str:
    """What to say of a value that is no JSON where a source wants JSON; pydantic tells the field only in a sentence."""
    named = re.search(r'field "(\w+)" from source "(\w+)"', str(error))
    if named is None:
        return f"A setting can't be read: {error}."
    where = "file .env" if named[2].startswith("DotEnv") else f"environment {variable_of(named[1])}"
    return f'{variable_of(named[1])} ({where}) is not JSON, for example {{"student_card": "shadow"}}.'


_PLAINLY = {
    "Value error, ": "",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
    "a valid boolean, unable to interpret input": "true or false",
    "a valid dictionary": 'a JSON object, for example {"student_card": "shadow"}',
    "Input should be": "must be",
}


def plainly(message: str) -> str:
    """A sentence of pydantic in words for people who know neither it nor Python; any other text stays as it is."""
    for theirs, ours in _PLAINLY.items():
        message = message.replace(theirs, ours)
    return message


def _problems(error: ValidationError, origins: dict[str, str]) -> str:
    found = []
    for problem in error.errors(include_input=False, include_url=False):
        message = plainly(problem["msg"])
        name = str(problem["loc"][0]) if problem["loc"] else ""
        where = f" ({origins[name]})" if name in origins else ""
        where += "".join(f" {part}" for part in problem["loc"][1:])
        found.append(f"{variable_of(name)}{where}: {message}" if name else message)
    return "; ".join(found)
