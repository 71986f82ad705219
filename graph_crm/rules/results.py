"""What rules and hooks give back: rules, proposals, vetoes. Checked when built, so that a mistake names its line."""

from __future__ import annotations

import hashlib
import re
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import orjson

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import Condition, one_of
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import ACTION_CLASSES, CHANNELS
from graph_crm.rules.verdicts import Reason, Verdict

Mode: TypeAlias = Literal["off", "shadow", "on"]
MODES: tuple[Mode, ...] = ("off", "shadow", "on")
"""off: not asked. shadow: asked and written into the trace, never proposed. on: proposed."""

CODE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
RULE_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*\Z")
LANGUAGE = re.compile(r"[a-z]{2,3}\Z")
USUAL_PRIORITY = 100
HIGHEST_PRIORITY = 1000
LONGEST_SENTENCE = 2_000
"""Characters of one reason that is said."""
LONGEST_SCRIPT = 10_000
_OWN_FOLDER = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an author's file something was built."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who should be offered what, why, and how: the declarative way to write a rule.

    ``reasons`` are sentences that an agent can say; they may name a number of the condition in braces, such as
    ``{days_held}``. ``on_event``: the event types that make the rule be asked; not given: it is asked in scans
    (`graph-crm rules candidates`). ``priority``: 0 to 1000, the higher is offered first.
    """

    id: str
    title: str
    when: Condition
    offer: str
    channels: tuple[str, ...] | list[str]
    reasons: tuple[str, ...] | list[str] | str
    on_event: str | tuple[str, ...] | list[str] | None = None
    priority: int = USUAL_PRIORITY
    mode: Mode = "on"
    action_class: str = "PROMOTIONAL"
    """PROMOTIONAL, TRANSACTIONAL or MANDATORY: what the contact policy asks of it."""
    repeat_after: Period | None = None
    """In scans: when the same circumstances may lead to a second offer; None: once an episode, for ever."""
    translations: Mapping[str, Sequence[str] | str] = field(default_factory=lambda: MappingProxyType({}))
    """The reasons in other languages, by language: {"pl": "..."}."""
    skill: str | None = None
    """What the agent who calls has to be able to do, a skill of employees such as MORTGAGES; None: anybody calls."""
    place: Place = field(default=Place(), compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _caller())
        _wanted("id", self.id, RULE_ID, "lower_snake_case, for example loan_to_credit_card")
        if not isinstance(self.title, str) or not self.title.strip():
            raise RuleError(f"Rule {self.id}: title must be a sentence, not {self.title!r}.")
        _can_be_stored(f"Rule {self.id}: title", self.title, LONGEST_SENTENCE)
        if not isinstance(self.when, Condition):
            raise RuleError(
                f"Rule {self.id}: when must be a condition, not {self.when!r}.", hint="For example holds('CASH_LOAN')."
            )
        _wanted(f"Rule {self.id}: offer", self.offer, CODE, "a product code, for example CREDIT_CARD")
        object.__setattr__(self, "channels", _channels(f"Rule {self.id}", self.channels))
        object.__setattr__(self, "reasons", _sentences(f"Rule {self.id}", self.reasons))
        object.__setattr__(self, "on_event", _events(self.id, self.on_event))
        _priority(f"Rule {self.id}", self.priority)
        if self.mode not in MODES:
            raise RuleError(f"Rule {self.id}: mode {self.mode!r} is not known.", hint=f"One of: {', '.join(MODES)}.")
        one_of(f"Rule {self.id}: action_class", self.action_class, ACTION_CLASSES)
        if self.repeat_after is not None and not isinstance(self.repeat_after, Period):
            raise RuleError(f"Rule {self.id}: repeat_after must be a period, for example days(365).")
        object.__setattr__(self, "translations", _translations(f"Rule {self.id}", self.translations))
        _skill(f"Rule {self.id}", self.skill)

    @property
    def events(self) -> tuple[str, ...]:
        """The event types that make the rule be asked; empty: only scans do."""
        return tuple(self.on_event or ())

    @property
    def version(self) -> str:
        """A digest of what the rule says: it changes just when the rule does."""
        said: tuple[object, ...] = (self.id, self.title, str(self.when), self.offer, self.channels, self.reasons)
        parts = (*said, self.events, self.priority, self.action_class, self.repeat_after)
        parts = (*parts, sorted(self.translations.items()), *([self.skill] if self.skill else []))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def sentences(self, verdict: Verdict) -> tuple[str, ...]:
        """The reasons in words, with the numbers of this customer; those that lack a number are left out."""
        return _filled(self.reasons, verdict)

    def translated(self, verdict: Verdict) -> dict[str, tuple[str, ...]]:
        """The same in every other language that the author wrote, by language."""
        found = {language: _filled(texts, verdict) for language, texts in self.translations.items()}
        return {language: texts for language, texts in found.items() if texts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One customer should be offered one product: what the hook ``propose`` gives back, and what a rule turns into."""

    party: str
    rule: str
    offer: str
    channels: tuple[str, ...] | list[str]
    reasons: tuple[str, ...] | list[str] | str
    facts: tuple[Reason, ...] = ()
    """What it rests on, for the trace."""
    priority: int = USUAL_PRIORITY
    mode: Mode = "on"
    version: str = "1"
    action_class: str = "PROMOTIONAL"
    translations: Mapping[str, Sequence[str] | str] = field(default_factory=lambda: MappingProxyType({}))
    """The reasons in other languages, by language."""
    skill: str | None = None
    """What the agent who calls has to be able to do; None: anybody calls."""

    def __post_init__(self) -> None:
        if not isinstance(self.party, str) or not self.party:
            raise RuleError(f"Proposal: party must be a customer's id, not {self.party!r}.")
        _wanted("Proposal: rule", self.rule, RULE_ID, "lower_snake_case, for example loan_to_credit_card")
        _wanted("Proposal: offer", self.offer, CODE, "a product code, for example CREDIT_CARD")
        object.__setattr__(self, "channels", _channels(f"Proposal of {self.rule}", self.channels))
        object.__setattr__(self, "reasons", _sentences(f"Proposal of {self.rule}", self.reasons))
        _priority(f"Proposal of {self.rule}", self.priority)
        if self.mode not in MODES:
            raise RuleError(f"Proposal of {self.rule}: mode {self.mode!r} is not known.")
        if not isinstance(self.version, str):
            raise RuleError(f"Proposal of {self.rule}: version must be a text.")
        one_of(f"Proposal of {self.rule}: action_class", self.action_class, ACTION_CLASSES)
        object.__setattr__(self, "translations", _translations(f"Proposal of {self.rule}", self.translations))
        _skill(f"Proposal of {self.rule}", self.skill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """A proposal must not be made: what the hook ``veto`` gives back. It stops every one that it fits."""

    party: str
    code: str
    """Stable upper-case code of the reason."""
    reason: str
    """The reason in words."""
    offer: str | None = None
    """Only proposals of this product; None: of every product."""
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.party, str) or not self.party:
            raise RuleError(f"Veto: party must be a customer's id, not {self.party!r}.")
        _wanted("Veto: code", self.code, CODE, "an upper-case code, for example MOVING_ABROAD")
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise RuleError("Veto: reason must be a sentence.")
        _can_be_stored("Veto: reason", self.reason, LONGEST_SENTENCE)
        check_facts("Veto", self.numbers, self.evidence)
        if self.offer is not None:
            _wanted("Veto: offer", self.offer, CODE, "a product code, for example CREDIT_CARD")

    def stops(self, proposal: Proposal) -> bool:
        """Whether it speaks against this proposal."""
        return self.party == proposal.party and self.offer in (None, proposal.offer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How an offer is put on one channel: what the hook ``treatments`` gives back."""

    party: str
    offer: str
    channel: str
    script: str
    """What the agent says, or what the screen shows."""
    skill: str | None = None
    """For PHONE: what the agent who calls has to be able to do, instead of what the rule asks for."""

    def __post_init__(self) -> None:
        if not isinstance(self.party, str) or not self.party:
            raise RuleError(f"Treatment: party must be a customer's id, not {self.party!r}.")
        _wanted("Treatment: offer", self.offer, CODE, "a product code, for example CREDIT_CARD")
        one_of("Treatment: channel", self.channel, CHANNELS)
        if not isinstance(self.script, str) or not self.script.strip():
            raise RuleError("Treatment: script must be a text.")
        _can_be_stored("Treatment: script", self.script, LONGEST_SCRIPT)
        _skill("Treatment", self.skill)


def _caller() -> Place:
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a caller without building a whole trace
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OWN_FOLDER, "<")):
            return Place(name, frame.f_lineno)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return Place()


def _wanted(name: str, value: object, pattern: re.Pattern[str], example: str) -> None:
    if not isinstance(value, str) or not pattern.match(value):
        raise RuleError(f"{name} must be {example}; it is {value!r}.")


def _skill(owner: str, skill: object) -> None:
    if skill is not None:
        _wanted(f"{owner}: skill", skill, CODE, "a skill of employees, for example MORTGAGES")


def _channels(owner: str, channels: object) -> tuple[str, ...]:
    if not isinstance(channels, list | tuple) or not channels:
        raise RuleError(f"{owner}: channels must be a list of at least one channel, not {channels!r}.")
    for channel in channels:
        one_of(f"{owner}: channel", channel, CHANNELS)
    return tuple(dict.fromkeys(channels))


def _sentences(owner: str, reasons: object) -> tuple[str, ...]:
    found = (reasons,) if isinstance(reasons, str) else reasons
    texts = found if isinstance(found, list | tuple) else ()
    if not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise RuleError(f"{owner}: reasons must be one sentence or more: nobody is contacted without a reason.")
    for one in texts:
        _can_be_stored(f"{owner}: a reason", one, LONGEST_SENTENCE)
    return tuple(texts)


def _can_be_stored(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise RuleError(f"{name} must have {longest:,} characters at most; it has {len(text):,}.")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise RuleError(f"{name} holds half of a surrogate pair, which can't be stored.")


def check_reason(owner: str, reason: Reason) -> None:
    """Raise RuleError for a reason of an author that a trace can't keep."""
    if not isinstance(reason.code, str) or not isinstance(reason.text, str):
        raise RuleError(f"{owner}: code and text must be texts.")
    _can_be_stored(f"{owner}: code", reason.code, LONGEST_SENTENCE)
    _can_be_stored(f"{owner}: text", reason.text, LONGEST_SENTENCE)
    check_facts(owner, reason.as_json()["numbers"], reason.evidence)


def check_facts(owner: str, numbers: object, evidence: object) -> None:
    """Raise RuleError for numbers and evidence of an author that a trace can't keep."""
    if not isinstance(numbers, Mapping):
        raise RuleError(f"{owner}: numbers must be values by name, not a {type(numbers).__name__}.")
    try:
        orjson.dumps(dict(numbers))
    except TypeError as error:
        raise RuleError(f"{owner}: numbers must be plain JSON values by name: {error}.") from None
    if not isinstance(evidence, list | tuple) or not all(isinstance(one, str) for one in evidence):
        raise RuleError(f"{owner}: evidence must be a list of identifiers.")
    for one in evidence:
        _can_be_stored(f"{owner}: evidence", one, LONGEST_SENTENCE)


def _translations(owner: str, translations: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(translations, Mapping):
        raise RuleError(f"{owner}: translations must be sentences by language, for example {{'pl': '...'}}.")
    for language in translations:
        _wanted(f"{owner}: language", language, LANGUAGE, "a language, for example pl")
    return MappingProxyType({language: _sentences(owner, texts) for language, texts in translations.items()})


def _filled(texts: Sequence[str], verdict: Verdict) -> tuple[str, ...]:
    filled = (filled_in(text, verdict.numbers) for text in texts)
    return tuple(text for text in filled if text is not None)


def _events(rule: str, events: object) -> tuple[str, ...] | None:
    if events is None:
        return None
    found = (events,) if isinstance(events, str) else events
    if not isinstance(found, list | tuple) or not found:
        raise RuleError(f"Rule {rule}: on_event must be an event type or a list of them, not {events!r}.")
    for one in found:
        _wanted(f"Rule {rule}: on_event", one, EVENT_TYPE, "lower_snake_case, for example atm_balance_check")
    return tuple(found)


def _priority(owner: str, priority: object) -> None:
    if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= HIGHEST_PRIORITY:
        raise RuleError(f"{owner}: priority must be a whole number from 0 to {HIGHEST_PRIORITY}, not {priority!r}.")


def placeholders(text: str) -> tuple[str, ...]:
    """The names in braces in a sentence. Raises ValueError when the braces don't match."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def filled_in(text: str, numbers: Mapping[str, Any]) -> str | None:
    """The sentence with its numbers; None when one is not known or can't be shown as it is asked for."""
    try:
        return text.format_map(numbers)
    except (LookupError, ValueError, TypeError, AttributeError):
        return None
