"""Where the values of settings come from, and which of them gave each."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from graph_crm.errors import ConfigurationError

PREFIX = "GRAPH_CRM_"
CONFIG_VARIABLE = "GRAPH_CRM_CONFIG"
BARE_NAMES = ("neo4j_uri", "neo4j_username", "neo4j_password", "neo4j_database")


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
origins_of_values: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "settings_origins", default=None
)


class Traced(PydanticBaseSettingsSource):
    """A source that remembers which fields it gave, so that `graph-crm settings` can say where a value came from."""

    def __init__(self, settings: type[BaseSettings], source: PydanticBaseSettingsSource, label: str) -> None:
        super().__init__(settings)
        self._source = source
        self._label = label

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # pragma: no cover
        """Pydantic's interface; values are taken from the wrapped source as a whole."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        """The values of the wrapped source."""
        self._source._set_current_state(self.current_state)  # noqa: SLF001 - how pydantic-settings chains sources
        self._source._set_settings_sources_data(self.settings_sources_data)  # noqa: SLF001 - the same
        values = self._source()
        origins = origins_of_values.get()
        if origins is not None:
            for name in values:
                label = self._label.format(variable=f"{PREFIX}{name.upper()}", bare=name.upper())
                origins.setdefault(name, label)
        return values


class BareNames(PydanticBaseSettingsSource):
    """NEO4J_URI and its three companions, as other Neo4j tools name them."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings)
        self._variables = {name.lower(): value for name, value in variables.items()}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The value of the bare variable, if it is set."""
        del field
        return self._variables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Those of the bare variables that are set."""
        return {name: value for name in BARE_NAMES if (value := self._variables.get(name))}
