"""Every setting of the platform, from one place: the environment, a ``.env`` file, a TOML file, or a default.

An environment variable ``GRAPH_CRM_<NAME>`` wins over ``.env``, which wins over ``graph-crm.toml``. The four names of
your own Neo4j (``NEO4J_URI``, ``NEO4J_USERNAME``, ``NEO4J_PASSWORD``, ``NEO4J_DATABASE``) are honoured bare as well.
`graph-crm settings` lists all of it with where each value came from; `docs/settings.md` is that list in prose.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from graph_crm.errors import ConfigurationError
from graph_crm.settings.audit import AuditSettings
from graph_crm.settings.bank import BankSettings
from graph_crm.settings.measures import SHORTEST_SECRET, Megabytes, Seconds, Share
from graph_crm.settings.messages import MessageSettings
from graph_crm.settings.platform import PlatformSettings, default_data_dir
from graph_crm.settings.security import SecuritySettings
from graph_crm.settings.sources import (
    BARE_NAMES,
    CONFIG_VARIABLE,
    PREFIX,
    BareNames,
    Traced,
    config_file,
    origins_of_values,
)

__all__ = [
    "BARE_NAMES",
    "CONFIG_VARIABLE",
    "PREFIX",
    "SHORTEST_SECRET",
    "Megabytes",
    "Seconds",
    "Setting",
    "Settings",
    "Share",
    "config_file",
    "default_data_dir",
    "describe",
    "load",
    "plainly",
    "unknown_names",
    "variable_of",
]


# The last named comes first in `describe`.
class Settings(MessageSettings, BankSettings, AuditSettings, SecuritySettings, PlatformSettings, BaseSettings):
    """All settings. Field descriptions are the documentation: keep them short and say the unit."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", validate_default=True, frozen=True
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
            Traced(settings_cls, init_settings, "argument"),
            Traced(settings_cls, env_settings, "environment {variable}"),
            Traced(settings_cls, BareNames(settings_cls, os.environ), "environment {bare}"),
            Traced(settings_cls, dotenv_settings, "file .env"),
            Traced(settings_cls, BareNames(settings_cls, dotenv_values(".env")), "file .env"),
        ]
        toml = config_file()
        if toml is not None:
            sources.append(Traced(settings_cls, TomlConfigSettingsSource(settings_cls, toml), f"file {toml}"))
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
        "jwks_file",
        "documents",
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

    @field_validator("jwt_secret", "sms_callback_secret", "push_secret", "metrics_token")
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
    token = origins_of_values.set(origins)
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
        origins_of_values.reset(token)
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
