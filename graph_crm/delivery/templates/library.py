"""All templates, read once: one file for each template and language, the bank's own ones before the shipped ones."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateSyntaxError

from graph_crm.delivery.templates.rendering import PARTS, Part, Rendered, compiled, render
from graph_crm.errors import ConfigurationError, NotFound, TemplateFailed
from graph_crm.settings.files import read_toml

FALLBACK: Final = "en"
"""The language of a message that has no template in the recipient's own."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}\Z")
HINT: Final = "docs/templates.md shows how a template is written."
_KEYS: Final = frozenset({"description", "example", *PARTS})


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """One template in one language."""

    name: str
    language: str
    description: str
    parts: Mapping[Part, Any] = field(repr=False)
    """By part: subject, text, html, short; each compiled."""
    example: Mapping[str, Any] = field(repr=False)
    """Values to preview it with."""
    origin: Path

    def render(self, variables: Mapping[str, Any], *, zone: str | None = None) -> Rendered:
        """The message in words. Raises TemplateFailed, naming the variable that is missing."""
        return render(self.name, self.parts, variables, self.language, zone)


class Templates:
    """The templates of every language; it never changes. A file that can't be read is refused when it is loaded."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._found: dict[tuple[str, str], MessageTemplate] = {}
        for folder in folders:
            for file in sorted(folder.glob("*/*.toml")):
                one = _read(file)
                self._found[one.name, one.language] = one  # a later folder wins

    @classmethod
    def load(cls, shipped: Path, own: Path | None = None) -> Templates:
        """The shipped templates, and those of the folder ``own``, which win.

        Raises ConfigurationError for a folder that is not there, and for a file that can't be used.
        """
        if own is not None and not own.is_dir():
            raise ConfigurationError(
                f"The folder of templates {own} is not there.", hint="Correct or unset GRAPH_CRM_TEMPLATES_DIR."
            )
        return cls([shipped, own] if own else [shipped])

    def __iter__(self) -> Iterator[MessageTemplate]:
        return iter(sorted(self._found.values(), key=lambda one: (one.name, one.language)))

    @property
    def names(self) -> list[str]:
        """The names of all templates."""
        return sorted({name for name, _ in self._found})

    @property
    def languages(self) -> list[str]:
        """The languages of all templates."""
        return sorted({language for _, language in self._found})

    def get(self, name: str, language: str | None = None) -> MessageTemplate:
        """The template in this language (pl for pl-PL), else in English, else in any. Raises NotFound."""
        wanted = re.split("[_-]", language or FALLBACK)[0].lower()
        for each in (wanted, FALLBACK):
            if (name, each) in self._found:
                return self._found[name, each]
        found = next((one for one in self._found.values() if one.name == name), None)
        if found is None:
            raise NotFound(
                f"name: there is no template {name[:64]}", hint=f"One of: {', '.join(self.names)}.", field="name"
            )
        return found

    def problems(self) -> list[str]:
        """What is wrong with the templates, each rendered with its own example: a sentence each; none: all is well."""
        found = []
        for one in self._found.values():
            where = f"{one.language}/{one.name}"
            try:
                one.render(one.example)
            except TemplateFailed as error:
                found.append(f"{where}: {error.message}")
            other = self._found.get((one.name, FALLBACK))
            if other is not None and (missing := sorted(set(other.example) ^ set(one.example))):
                found.append(f"{where}: its example has other variables than {FALLBACK}: {', '.join(missing)}")
        return sorted(found)


def _read(file: Path) -> MessageTemplate:
    where = f"The template {file}"
    if not _NAME.match(file.stem) or not _LANGUAGE.match(file.parent.name):
        raise ConfigurationError(
            f"{where}: the name can't be used.", hint="Name it LANGUAGE/NAME.toml, for example pl/offer_mail.toml."
        )
    content = read_toml(file, "The template", hint=HINT)
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise ConfigurationError(f"{where}: {unknown[0]} is not known.", hint=f"Known: {', '.join(sorted(_KEYS))}.")
    if not isinstance(content.get("text"), str):
        raise ConfigurationError(f"{where}: the part text is missing.", hint="Every message needs a text.")
    parts: dict[Part, Any] = {}
    for part in PARTS:
        source = content.get(part)
        if source is None:
            continue
        if not isinstance(source, str):
            raise ConfigurationError(f"{where}: {part} is no text.", hint=HINT)
        try:
            parts[part] = compiled(part, source)
        except TemplateSyntaxError as error:
            raise ConfigurationError(
                f"{where}: {part}, line {error.lineno}: {(error.message or '').rstrip('.')}.", hint=HINT
            ) from error
    example = content.get("example", {})
    if not isinstance(example, dict):
        raise ConfigurationError(f"{where}: example is no table.", hint="Write its variables under [example].")
    description = content.get("description", "")
    return MessageTemplate(file.stem, file.parent.name, str(description), parts, _plain(example), file)


def _plain(value: Any) -> Any:
    """The values of an example as they come out of the graph: instants and days as text."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.datetime | dt.date | dt.time) else value
