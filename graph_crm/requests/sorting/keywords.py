"""Keyword rules of the service desk: where certain words stand, nobody needs to be asked for the category."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from graph_crm.errors import ConfigurationError
from graph_crm.requests.sorting.folding import folded
from graph_crm.settings.files import mistakes

_HINT = "docs/sorting.md explains the rules; seed/service_desk.toml has some."
_WORD = re.compile(r"\w+\*?")
MOST_WORDS = 10


def _pattern(phrase: str) -> str:
    words = _WORD.findall(folded(phrase))
    if not words or len(words) > MOST_WORDS:
        raise ValueError(f"a phrase has 1 to {MOST_WORDS} words: {phrase!r}")
    return r"\W+".join(f"{re.escape(word[:-1])}\\w*" if word.endswith("*") else re.escape(word) for word in words)


class KeywordRule(BaseModel):
    """A category and the words that speak for it. A phrase is words in a row; ``*`` ends a word that goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str
    any: tuple[str, ...] = Field(min_length=1)
    """One of these phrases is enough ..."""
    also: tuple[str, ...] = ()
    """... together with one of these, where there are any ..."""
    unless: tuple[str, ...] = ()
    """... and none of these."""

    @field_validator("any", "also", "unless")
    @classmethod
    def _readable(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for one in phrases:
            _pattern(one)
        return phrases

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str] | None, ...]:
        return tuple(
            re.compile(rf"\b(?:{'|'.join(map(_pattern, phrases))})\b") if phrases else None
            for phrases in (self.any, self.also, self.unless)
        )

    def fits(self, text: str) -> bool:
        """Whether it speaks of ``text``, which is folded."""
        wanted, also, unless = self._patterns
        found = wanted is not None and wanted.search(text) is not None
        return found and (also is None or bool(also.search(text))) and (unless is None or not unless.search(text))


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[KeywordRule, ...] = ()


class Keywords:
    """The rules of a desk in their order: the first that fits decides."""

    def __init__(self, rules: Collection[KeywordRule]) -> None:
        self.rules = tuple(rules)

    @classmethod
    def read(cls, table: Mapping[str, Any], categories: Collection[str]) -> Keywords:
        """The rules of the table ``[sorting]`` of the service desk. Raises ConfigurationError naming the rule."""
        try:
            rules = _Table.model_validate(dict(table)).rules
        except ValidationError as error:
            raise ConfigurationError(f"The service desk: {mistakes(error, 'sorting')}.", hint=_HINT) from None
        for place, one in enumerate(rules):
            if one.category not in categories:
                raise ConfigurationError(
                    f"The service desk: sorting.rules.{place}: there is no category {one.category}.", hint=_HINT
                )
        return cls(rules)

    def category(self, text: str) -> str | None:
        """The category of the first rule that fits; None: no rule does."""
        read = folded(text)
        return next((one.category for one in self.rules if one.fits(read)), None)
