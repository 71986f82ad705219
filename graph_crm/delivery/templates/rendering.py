"""Templates turned into words, in Jinja2's sandbox: they read variables, and reach nothing else of the platform."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from graph_crm.errors import TemplateFailed

Part: TypeAlias = Literal["subject", "text", "html", "short"]
PARTS: Final[tuple[Part, ...]] = ("subject", "text", "html", "short")
"""subject: one line. text: always there. html: beside the text in a mail. short: the text for SMS and push."""
LONGEST: Final[Mapping[str, int]] = {"subject": 200, "text": 200_000, "html": 500_000, "short": 2_000}
"""Characters of each part, rendered."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_REGION: Final = {"en": "en_GB"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in words; parts that the template does not have are None."""

    language: str
    text: str
    subject: str | None = None
    html: str | None = None
    short: str | None = None


@cache
def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=html,
        auto_reload=False,
    )
    # A template writes a message: nothing in it may take the process's time or memory.
    for name in ("range", "lipsum", "cycler", "joiner"):
        environment.globals.pop(name, None)
    environment.filters |= {"day": _day, "moment": _moment, "money": _money, "line": _line}
    return environment


def compiled(part: Part, source: str) -> Template:
    """The template of one part. Raises jinja2.TemplateSyntaxError."""
    return _environment(html=part == "html").from_string(source)


def render(
    name: str, parts: Mapping[Part, Template], variables: Mapping[str, Any], language: str, zone: str | None = None
) -> Rendered:
    """All parts in words, instants in the time ``zone`` (IANA name), or in UTC, saying so.

    Raises TemplateFailed for a variable that is missing (naming it), a subject of several lines, a part too long, and
    for what a template may not do.
    """
    told = {**variables, "language": language, "_zone": zone}
    done = {part: _part(name, part, template, told) for part, template in parts.items()}
    return Rendered(
        language=language,
        text=done["text"],
        subject=done.get("subject"),
        html=done.get("html"),
        short=done.get("short"),
    )


def _part(name: str, part: Part, template: Template, variables: Mapping[str, Any]) -> str:
    where = f"Template {name}, {part}"
    try:
        text = template.render(variables)
    except UndefinedError as error:
        missing = re.search(r"'(\w+)' is undefined", str(error))
        raise TemplateFailed(
            f"{where}: the variable {missing[1]} is missing" if missing else f"{where}: {error.message}",
            hint="Send every variable that the template uses; `graph-crm templates preview` shows them.",
            template=name,
            variable=missing[1] if missing else None,
        ) from error
    except (TemplateError, SecurityError) as error:
        raise TemplateFailed(f"{where}: {error.message or 'may not do that'}", template=name) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise TemplateFailed(f"{where}: {type(error).__name__}: {error}"[:300], template=name) from error
    # What was left out leaves empty lines behind.
    text = re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", _CONTROL.sub("", text)).strip()
    if part == "subject" and re.search(r"[\r\n]", text):
        raise TemplateFailed(
            f"{where}: it has several lines",
            hint="A subject is one line; the filter `line` makes one of a variable.",
            template=name,
        )
    if len(text) > LONGEST[part]:
        raise TemplateFailed(f"{where}: {len(text):,} characters, {LONGEST[part]:,} are possible", template=name)
    if not text:
        raise TemplateFailed(f"{where}: it is empty", template=name)
    return text


# Filters


@cache
def _locale(language: str) -> Locale:
    with suppress(UnknownLocaleError, ValueError):
        return Locale.parse(_REGION.get(language, language), sep="_")
    return Locale.parse("en_GB")


def _instant(value: Any) -> dt.datetime:
    found = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _zone(context: Context) -> dt.tzinfo:
    name = context.get("_zone")
    with suppress(ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return ZoneInfo(name)
    return dt.UTC


@pass_context
def _moment(context: Context, value: Any) -> str:
    """An instant as people write it: day and clock in the recipient's time zone."""
    zone, locale = _zone(context), _locale(context["language"])
    told = format_datetime(_instant(value).astimezone(zone), "d MMMM y, HH:mm", locale=locale)
    return f"{told} UTC" if zone is dt.UTC else told


@pass_context
def _day(context: Context, value: Any) -> str:
    """A day as people write it; of an instant the day in the recipient's time zone."""
    text = str(value)
    day = dt.date.fromisoformat(text) if len(text) == len("2026-01-31") else _instant(value).astimezone(_zone(context))
    return format_date(day, "long", locale=_locale(context["language"]))


@pass_context
def _money(context: Context, value: Any, currency: str) -> str:
    """An amount of money, given in hundredths of the unit."""
    return format_currency(int(value) / 100, currency, locale=_locale(context["language"]))


def _line(value: Any) -> str:
    """A text as one line, for subjects."""
    return " ".join(str(value).split())[:150]
