"""Sentences for people: Project Fluent files by language, numbers and times as they are written there.

The shipped files are `graph_crm/locale/LANGUAGE.ftl`. A message is named as the code of a reason (``OWNED_ALREADY``),
or for what it is said (``why-rule``). A bank's own files, in the folder of the setting ``texts_dir``, replace messages
and add languages. Whatever has no text is said in English, the language in which reasons are stored.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list
from fluent.runtime import FluentBundle
from fluent.syntax import FluentParser
from fluent.syntax.ast import Junk, Message, Resource, VariableReference
from fluent.syntax.visitor import Visitor

from graph_crm.errors import ConfigurationError

ENGLISH = "en"
SHIPPED = Path(__file__).parent / "locale"
_REGION = {"en": "en_GB"}
"""English without a region is written as in Europe: the day before the month."""
_LARGEST = 10**15
"""A number from here on, and what is no number, is shown as it is: nobody counts so far."""
_LONGEST = 2000
"""Characters of a value in a sentence; the rest is left out. Fluent refuses to say longer ones."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)\Z")
_WORD = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_NAME = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?\Z")


class _Layer:
    """The messages of a language as of one file: its own, and those of the files before it where it has none."""

    def __init__(self, language: str, resources: tuple[Resource, ...]) -> None:
        self.resources = resources
        self.bundle = FluentBundle([language], use_isolating=False)
        self.uses: dict[str, frozenset[str] | None] = {}
        for each in resources:
            self.bundle.add_resource(each, allow_overrides=True)
            self.uses |= {one.id.name: _variables(one) for one in each.body if isinstance(one, Message)}


class Texts:
    """The messages of every language, read once."""

    def __init__(self, folders: Iterable[Path] = (SHIPPED,)) -> None:
        self._layers: dict[str, list[_Layer]] = {}
        self._locales: dict[str, Locale] = {}
        for folder in folders:
            for file in sorted(folder.glob("*.ftl")):
                self._add(file)

    @classmethod
    def load(cls, own: Path | None = None) -> Texts:
        """The shipped texts, and those of the folder ``own``, which win.

        Raises ConfigurationError for a folder that is not there, and for a file that can't be read.
        """
        if own is not None and not own.is_dir():
            raise ConfigurationError(f"The folder of texts {own} is not there.", hint="Correct or unset texts_dir.")
        return cls([SHIPPED, own] if own else [SHIPPED])

    def _add(self, file: Path) -> None:
        language = file.stem
        if language not in self._layers:
            self._locales[language] = _locale(file)
        layers = self._layers.setdefault(language, [])
        earlier = layers[0].resources if layers else ()
        layers.insert(0, _Layer(language, (*earlier, _read(file))))

    @property
    def languages(self) -> list[str]:
        """The languages that have texts, by code."""
        return sorted(self._layers)

    def language(self, wanted: str | None) -> str | None:
        """The language that answers for ``wanted``: pl for pl-PL; English for None; None: there are no such texts."""
        if wanted is None:
            return ENGLISH
        if not _NAME.match(wanted):
            return None
        for name in (wanted, wanted.replace("_", "-"), re.split("[_-]", wanted)[0]):
            if name in self._layers:
                return name
        return None

    def message(self, name: str, values: Mapping[str, Any], language: str, zone: str | None = None) -> str | None:
        """The message ``name`` in just this language; None where it has none, or a value of it is missing.

        One of the bank that can't be said leaves the shipped one. Instants are told in the time ``zone`` (IANA name),
        or in UTC, saying so.
        """
        found = (self._format(layer, name, values, language, zone) for layer in self._layers.get(language, ()))
        return next((text for text in found if text is not None), None)

    def _format(
        self, layer: _Layer, name: str, values: Mapping[str, Any], language: str, zone: str | None
    ) -> str | None:
        if not layer.bundle.has_message(name):
            return None
        pattern = layer.bundle.get_message(name).value
        if pattern is None:
            return None
        uses = layer.uses[name]
        told = {
            key: self._told(key, value, language, zone)
            for key, value in values.items()
            if value is not None and (uses is None or key in uses)
        }
        try:
            text, errors = layer.bundle.format_pattern(pattern, {key: _cut(value) for key, value in told.items()})
        except RecursionError:  # messages that say each other
            return None
        return None if errors else str(text)

    def say(
        self, name: str, values: Mapping[str, Any] | None = None, language: str | None = None, zone: str | None = None
    ) -> str:
        """The message ``name``; in English where the language does not have it. Raises KeyError for an unknown one."""
        found = None
        for each in dict.fromkeys((self.language(language) or ENGLISH, ENGLISH)):
            found = self.message(name, values or {}, each, zone)
            if found is not None:
                return found
        raise KeyError(name)

    def sentence(
        self, code: str, numbers: Mapping[str, Any], language: str | None, reason: str = "", zone: str | None = None
    ) -> str:
        """A reason in words: by code and numbers; as it was stored (``reason``) where there is no text for it."""
        known = self.language(language)
        found = self.message(code, numbers, known, zone) if known else None
        return found if found is not None else reason or code

    def _told(self, name: str, value: Any, language: str, zone: str | None) -> Any:  # noqa: PLR0911 - a kind of value each
        """A value as the language writes it; numbers stay numbers, so that messages can choose the plural."""
        locale = self._locales[language]
        value = _read_time(value) if isinstance(value, str) else value
        if isinstance(value, str | bool):
            return self._word(name, str(value).upper() if isinstance(value, bool) else value, language)
        if isinstance(value, int | float | Decimal):
            if (not isinstance(value, int) and not math.isfinite(value)) or not -_LARGEST < value < _LARGEST:
                return str(value)
            # 180.0 would take the plural of a fraction
            return int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(value, dt.datetime):
            return _moment(value, locale, zone)
        if isinstance(value, dt.date):
            return format_date(value, "long", locale=locale)
        if isinstance(value, dt.timedelta):
            return format_timedelta(value, locale=locale)
        if isinstance(value, Iterable):
            return format_list([str(self._told(name, each, language, zone)) for each in value], locale=locale)
        return str(value)

    def _word(self, name: str, value: str, language: str) -> str:
        """A word of a closed list (PHONE as ``channel``) by the message ``channel-phone``, where there is one."""
        if not _WORD.match(value):
            return value
        return self.message(f"{name}-{value.lower().replace('_', '-')}", {}, language) or value


def _read_time(text: str) -> str | dt.date | dt.datetime:
    """A day or an instant where the text is one: that is how verdicts are stored."""
    if _MOMENT.match(text):
        return dt.datetime.fromisoformat(text)
    return dt.date.fromisoformat(text) if _DAY.match(text) else text


def _moment(value: dt.datetime, locale: Locale, zone: str | None) -> str:
    try:
        place = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        place = None
    there = value.astimezone(place or dt.UTC)
    told = f"{format_date(there, 'long', locale=locale)}, {format_time(there, 'short', locale=locale)}"
    return told if place else f"{told} UTC"


class _Variables(Visitor):
    """Collects the variables of a message, and whether it says another message too."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.refers = False

    def visit_VariableReference(self, node: VariableReference) -> None:  # noqa: N802 - the visitor's own naming
        self.names.add(node.id.name)

    def visit_MessageReference(self, _node: object) -> None:  # noqa: N802 - the same
        self.refers = True


def _variables(message: Message) -> frozenset[str] | None:
    """The variables that a message uses: only they are written in its language; None: those of other messages, too."""
    found = _Variables()
    found.visit(message)
    return None if found.refers else frozenset(found.names)


def _locale(file: Path) -> Locale:
    language = file.stem
    with suppress(ValueError, UnknownLocaleError):
        if _NAME.match(language):
            return Locale.parse(_REGION.get(language, language).replace("-", "_"))
    raise ConfigurationError(f"{file.name} names no language.", hint="Call it by its code, for example cs.ftl.")


def _cut(value: Any) -> Any:
    return f"{value[:_LONGEST]}..." if isinstance(value, str) and len(value) > _LONGEST else value


def _read(file: Path) -> Resource:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file.name} is not UTF-8.", hint="Save it in UTF-8.") from error
    except OSError as error:
        raise ConfigurationError(
            f"{file.name} can't be read: {error.strerror}.", hint="Correct or unset texts_dir."
        ) from error
    resource = FluentParser().parse(text)
    for entry in resource.body:
        if isinstance(entry, Junk):
            line = text.count("\n", 0, entry.span.start) + 1 if entry.span else 1
            raise ConfigurationError(
                f"{file.name}, line {line}: this is no message.", hint="See docs/why.md for how texts are written."
            )
    return resource


_current: list[Texts] = []


def use(texts: Texts) -> None:
    """Make these the texts of the process."""
    _current[:] = [texts]


def current() -> Texts:
    """The texts of the process: those of `use`, else the shipped ones."""
    if not _current:
        use(Texts())
    return _current[0]


def sentence(code: str, numbers: Mapping[str, Any], language: str | None, reason: str = "") -> str:
    """A reason in words, by the texts of the process; ``reason`` (English, as stored) where there is no text for it."""
    return current().sentence(code, numbers, language, reason)
