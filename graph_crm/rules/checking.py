"""`rules check`: the usual mistakes of an author, with file and line, before a rule is loaded anywhere."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from graph_crm.errors import RuleError
from graph_crm.rules.conditions import can_pass
from graph_crm.rules.conditions.base import Condition
from graph_crm.rules.conditions.history import Did
from graph_crm.rules.conditions.holdings import Holds, InDefault
from graph_crm.rules.conditions.parties import RelatedTo
from graph_crm.rules.event_hooks import checked_types
from graph_crm.rules.hookspecs import PROJECT, hook_names
from graph_crm.rules.loader import ANYTHING, describe, import_file, line_in, plugin_files
from graph_crm.rules.results import Rule, filled_in, placeholders
from graph_crm.rules.source import Finding, answer_line, read_source

_SKIPPED = {
    "TRANSACTIONAL": "contact limits, rests after a refusal and the control group don't hold for it",
    "MANDATORY": "no consent, limit or rest of a customer stops it",
}
"""What the contact policy does not ask of rules of these action classes."""


@dataclass(frozen=True, slots=True)
class Known:
    """The words that rules may use; an empty set is not checked."""

    products: Mapping[str, str]
    """Family of every product, by code."""
    events: frozenset[str] = frozenset()


def check(paths: Iterable[Path], known: Known, *, beside: Iterable[Path] = ()) -> list[Finding]:
    """What is wrong in these files and folders, by file and line; empty: nothing.

    A file that reads well is imported and its rules are built, as the platform does it. ``beside``: folders of plugins
    that are in force as well: their rules' ids are taken, their own mistakes not looked for. Raises RuleError for a
    path that is not there.
    """
    findings: list[Finding] = []
    files = _files(paths)
    rules = _taken(beside, {file.resolve() for file in files})
    for file in files:
        found = read_source(file)
        if not any(one.stops_import for one in found):
            found += _loaded(file, known, rules)
        findings += _once_a_line(found)
    return findings


def _taken(folders: Iterable[Path], checked: set[Path]) -> dict[str, tuple[Path, int]]:
    """The rules that other plugins have: where each is, by id. What can't be loaded takes no id."""
    rules: dict[str, tuple[Path, int]] = {}
    for folder in folders:
        for file in plugin_files(folder):
            if file.resolve() not in checked and not any(one.stops_import for one in read_source(file)):
                _loaded(file, Known({}), rules)
    return rules


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += plugin_files(path)
        elif path.is_file():
            files.append(path)
        else:
            raise RuleError(f"{path} is not there.", hint="Name a plugin file or a folder of plugins.")
    return list(dict.fromkeys(files))


def _once_a_line(findings: list[Finding]) -> list[Finding]:
    """The first finding of each line and code; what the import says about a line that was found before adds nothing."""
    kept: dict[tuple[int, str], Finding] = {}
    read = [one for one in findings if one.code != "LOAD"]
    for one in findings:
        if one.code != "LOAD" or not any(earlier.covers(one.line) for earlier in read):
            kept.setdefault((one.line, one.message), one)
    return sorted(kept.values(), key=lambda one: (one.line, one.code))


def _loaded(file: Path, known: Known, seen: dict[str, tuple[Path, int]]) -> list[Finding]:
    try:
        module = import_file(file)
    except ANYTHING as error:
        return [_load_error(file, error)]
    findings: list[Finding] = []
    for name in hook_names():
        function = getattr(module, name, None)
        if not inspect.isfunction(function) or not hasattr(function, f"{PROJECT}_impl"):
            continue
        if name == "rules" and not inspect.signature(function).parameters:  # else the reader has complained
            findings += _rules(file, answer_line(file, name) or 1, function, known, seen)
        if name == "event_types" and not inspect.signature(function).parameters:
            findings += _event_types(file, answer_line(file, name) or 1, function)
    return findings


def _load_error(file: Path, error: BaseException, line: int = 1) -> Finding:
    hint = error.hint if isinstance(error, RuleError) else None
    message = error.message if isinstance(error, RuleError) else describe(error)
    return Finding(file, line_in(error, file) or line, "LOAD", message, hint)


def _event_types(file: Path, line: int, function: Callable[[], object]) -> list[Finding]:
    try:
        answer = function()
    except ANYTHING as error:
        return [_load_error(file, error, line)]
    try:
        checked_types(answer)
    except RuleError as error:
        return [Finding(file, line, "TYPE", f"event_types() must return {error.message}")]
    return []


def _rules(file: Path, line: int, function: object, known: Known, seen: dict[str, tuple[Path, int]]) -> list[Finding]:
    if not callable(function):
        return []
    try:
        answer = function()
    except ANYTHING as error:
        return [_load_error(file, error, line)]
    if not isinstance(answer, list | tuple) or not all(isinstance(one, Rule) for one in answer):
        return [Finding(file, line, "TYPE", f"rules() must return a list of Rule, not {answer!r}")]
    findings: list[Finding] = []
    for rule in answer:
        at = rule.place.line if rule.place.file == str(file.absolute()) else line
        earlier = seen.setdefault(rule.id, (file, at))
        if earlier != (file, at):
            where = f"{earlier[0]}:{earlier[1]}"
            findings.append(Finding(file, at, "DUPLICATE", f"rule {rule.id} exists already: {where}"))
        findings += [Finding(file, at, code, message, hint) for code, message, hint in _faults(rule, known)]
    return findings


def _faults(rule: Rule, known: Known) -> list[tuple[str, str, str | None]]:
    found: list[tuple[str, str, str | None]] = []
    if known.products and rule.offer not in known.products:
        message = f"rule {rule.id} offers unknown product {rule.offer}"
        found.append(("PRODUCT", message, _near(rule.offer, known.products)))
    for atom in _atoms(rule.when):
        found += [
            (code, f"rule {rule.id} asks for unknown {kind} {word}", _near(word, words))
            for code, kind, word, words in _words(atom, known)
            if word and words and word not in words
        ]
    for event in rule.events:
        if known.events and event not in known.events:
            found.append(("EVENT", f"rule {rule.id} waits for unknown event {event}", _near(event, known.events)))
    if rule.action_class in _SKIPPED:
        message = f"rule {rule.id} is {rule.action_class}: {_SKIPPED[rule.action_class]}"
        found.append(("CLASS", message, "Leave action_class out of what is sold."))
    if not can_pass(rule.when):
        hint = "Some part of it excludes another: read it aloud."
        found.append(("NEVER", f"rule {rule.id} can never pass: {rule.when}", hint))
    for text in (*rule.reasons, *(text for texts in rule.translations.values() for text in texts)):
        found += _reason_faults(rule, text)
    return found


def _words(atom: Condition, known: Known) -> list[tuple[str, str, str | None, frozenset[str]]]:
    """The words of an atom that can be unknown: code of the finding, what it is, the word, the known ones."""
    found: list[tuple[str, str, str | None, frozenset[str]]] = []
    if isinstance(atom, Holds):
        found.append(("PRODUCT", "product", atom.product, frozenset(known.products)))
    if isinstance(atom, Holds | InDefault):
        found.append(("PRODUCT", "family", atom.family, frozenset(known.products.values())))
    if isinstance(atom, Did):
        found.append(("EVENT", "event", atom.event, known.events))
    return found


def _reason_faults(rule: Rule, text: str) -> list[tuple[str, str, str | None]]:
    try:
        names = placeholders(text)
    except ValueError as error:
        return [("REASON", f"rule {rule.id}: the braces in a reason don't match: {error}", "Write {{ for a brace.")]
    given = rule.when.numbers(passed=True)
    known = f"They give: {', '.join(sorted(given))}." if given else "They give none: write a sentence without braces."
    missing = [name for name in names if name not in given]
    if not missing and filled_in(text, dict.fromkeys(given, 1.5) | dict.fromkeys(given - {"amount"}, 1)) is None:
        message = f"rule {rule.id}: a number can't be shown as this reason asks"
        return [("REASON", message, "Write its name alone, as in {days_held}.")]
    return [
        ("REASON", f"rule {rule.id}: none of its conditions gives the number {{{name}}}", known) for name in missing
    ]


def _atoms(condition: Condition) -> list[Condition]:
    found: list[Condition] = []
    for atom in condition.atoms():
        found.append(atom)
        if isinstance(atom, RelatedTo):
            found += _atoms(atom.who)
    return found


def _near(word: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else "graph-crm rules check --catalogue FILE names your own products."
