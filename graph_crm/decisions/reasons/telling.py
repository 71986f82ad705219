"""Why: from a stored decision to sentences. Read, never recomputed: what is told is what was known and decided then.

Pure functions over the values that `why_cypher` reads. Everything that they return is in the form of the response:
instants as text, objects as dicts by GraphQL names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm import texts
from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler.scalars import instant_to_show

Told = dict[str, Any]
PASS, DROP, HOLD = "PASS", "DROP", "HOLD"
TOLD_GATES = ("contact_limits", "cool_off")
"""Of a contact that was made, the sentences of these checks are told too: they are what customers ask about."""


class _Gate(dict[str, Any]):
    """A verdict as GraphQL shows it, its sentence made when it is asked for: a page of traces has thousands."""

    def __init__(self, told: Told, said: Callable[[], str]) -> None:
        super().__init__(told)
        self._said = said

    def __missing__(self, name: str) -> str:
        if name != "sentence":
            raise KeyError(name)
        self[name] = self._said()
        return str(self[name])

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field."""
        try:
            return self[name]
        except KeyError:
            return default


@dataclass(frozen=True, slots=True)
class Teller:
    """Says things in one language, instants in one time zone."""

    language: str
    zone: str | None = None

    def say(self, name: str, **values: Any) -> str:
        """The message ``name`` with these values."""
        return texts.current().say(name, values, self.language, self.zone)

    def sentence(self, code: str, numbers: Mapping[str, Any], reason: str) -> str:
        """A reason in words, with a capital and a full stop."""
        return _whole(texts.current().sentence(code, numbers, self.language, reason, self.zone))


def teller(language: str | None, zone: str | None = None) -> Teller:
    """Who tells in ``language`` (English when not given). Raises InvalidInput for one that has no texts."""
    known = texts.current().language(language)
    if known is None:
        raise InvalidInput(
            f"There are no texts in the language {str(language)[:20]!r}.",
            hint=f"There are: {', '.join(texts.current().languages)}.",
        )
    return Teller(known, zone)


def trace(stored: Any, arguments: Mapping[str, Any]) -> list[Told] | None:
    """The trace of a decision as GraphQL shows it; null where none was stored."""
    if stored is None:
        return None
    tell = teller(arguments.get("language"))
    return [_entry(each, tell) for each in stored]


def reasons(stored: Any, arguments: Mapping[str, Any]) -> list[str]:
    """What an agent can say: the author's sentences in ``language`` where there are any, else as they were written."""
    if not stored or not isinstance(stored[0], list):
        return stored or []
    written, others = stored
    return said_in(written, orjson.loads(others) if others else {}, arguments.get("language"))


def said_in(written: Sequence[str], others: Mapping[str, Sequence[str]], language: str | None) -> list[str]:
    """Sentences in ``language`` (``pl-PL`` is ``pl``) where they were written in it, else as they are."""
    return list(others.get((language or "").split("-")[0].lower()) or written or ())


def contacted(found: Any, arguments: Mapping[str, Any]) -> Told | None:
    """Why a contact was made; null for a contact that is not this party's."""
    if found is None:
        return None
    tell = teller(arguments.get("language"), found["zone"])
    decision = found["decision"]
    again = (decision or {}).get("again")
    overrides = _overrides([(one or {}).get("overrides") for one in (decision, again, found["reservation"])])
    told: Told = {
        "interactionId": found["id"],
        "at": _instant(found["at"]),
        "channel": found["channel"],
        "direction": found["direction"],
        "productCode": found["productCode"],
        "productName": found["product"],
        "decided": decision is not None,
        "reasons": [],
        "gates": [],
        "consents": [],
        "overrides": overrides,
        "policyVersion": (found["reservation"] or {}).get("policyVersion"),
    }
    if decision is not None:
        offer = decision["offer"]
        # An offer that waited is contacted with by leave of the decision that judged it again.
        entry = _of_offer(again or decision, offer, tell) or _of_offer(decision, offer, tell)
        told |= {
            "productCode": offer["productCode"],
            "productName": decision["product"],
            "decisionId": decision["id"],
            "decidedAt": _instant(decision["at"]),
            "judgedAgainId": again and again["id"],
            "judgedAgainAt": again and _instant(again["at"]),
            "cause": _cause(decision),
            "candidate": entry["candidate"] if entry else None,
            "reasons": offer["reasons"] or [],
            "gates": entry["gates"] if entry else [],
            "consents": _consents(entry, found["consents"]),
            "policyVersion": (again or decision)["policyVersion"] or told["policyVersion"],
        }
    told["text"] = " ".join(_contact_in_words(found, told, tell))
    return told


def not_offered(found: Any, arguments: Mapping[str, Any]) -> Told:
    """Why a product was not offered, by the newest decision about it."""
    tell = teller(arguments.get("language"), found["zone"])
    code = arguments["productCode"]
    decision = found["decision"]
    told: Told = {
        "productCode": code,
        "productName": found["product"],
        "considered": decision is not None,
        "proposed": False,
        "trace": [],
    }
    if decision is not None:
        entries = [one for one in _entries(decision, tell) if one["productCode"] == code]
        furthest = max(entries, key=_how_far, default=None)
        offer = decision["offer"]
        gate = _stopped_by(furthest)
        told |= {
            "proposed": offer is not None,
            "decisionId": decision["id"],
            "decidedAt": _instant(decision["at"]),
            "trigger": decision["trigger"],
            "candidate": furthest["candidate"] if furthest else None,
            "gate": gate,
            "offer": offer and {**offer, "notBefore": _instant(offer["notBefore"])},
            "earliest": (gate or {}).get("earliest") or _instant((offer or {}).get("notBefore")),
            "trace": entries,
        }
    elif found["product"] is None:
        unknown = {"reasonCode": "PRODUCT_UNKNOWN", "reason": f"the catalogue has no product {code}"}
        told["gate"] = _gate({"name": "applicability", "verdict": DROP, **unknown, "numbers": {"product": code}}, tell)
    told["text"] = " ".join(_refusal_in_words(found, told, tell))
    return told


def decided(stored: Mapping[str, Any], tell: Teller) -> Told:
    """A whole decision: its trace, and ``text`` with a line for what started it and for each verdict of each candidate.

    ``stored``: at (milliseconds), party, trigger, outcome and trace (JSON text).
    """
    at, entries = instant_to_show(stored["at"]), _entries(stored, tell)
    opening = f"decision-{'proposed' if stored['outcome'] == 'PROPOSED' else 'nothing'}"
    lines = [tell.say(opening, at=at, trigger=stored["trigger"], party=stored["party"])]
    for entry in entries:
        candidate = {"rule": entry["rule"], "product": entry["productCode"]}
        if entry["rank"]:
            lines.append(tell.say("decision-candidate-offered", **candidate, rank=entry["rank"]))
        else:
            lines.append(tell.say("decision-candidate-dropped", **candidate))
        for found in (finding for way in entry["ways"] for finding in way["findings"]):
            found.get("sentence")  # made now, for who writes the whole answer down
        for one in entry["gates"]:
            said = {"gate": one["name"].upper(), "verdict": one["verdict"], "sentence": one["sentence"]}
            lines.append(f"  {tell.say('decision-gate', **said)}")
        if entry["rank"] and _stopped_by(entry):
            lines.append(f"  {tell.say('decision-held')}")
    return {
        "party": stored["party"],
        "at": at,
        "trigger": stored["trigger"],
        "outcome": stored["outcome"],
        "policyVersion": stored["policyVersion"],
        "trace": entries,
        "text": lines,
    }


def _entries(decision: Mapping[str, Any], tell: Teller) -> list[Told]:
    return [_entry(each, tell) for each in orjson.loads(decision["trace"] or "[]")]


def _entry(stored: Mapping[str, Any], tell: Teller) -> Told:
    """One candidate of a stored trace as GraphQL shows it."""
    return {
        "candidate": {
            "rule": stored["rule"],
            "title": stored.get("title"),
            "version": stored.get("version"),
            "plugin": stored.get("plugin"),
            "mode": stored.get("mode"),
            "productCode": stored["productCode"],
        },
        "rule": stored["rule"],
        "productCode": stored["productCode"],
        "rank": stored.get("rank"),
        "status": stored.get("status"),
        "factors": stored.get("factors"),
        "ways": [_way(each, tell) for each in stored.get("ways") or ()],
        "gates": [_gate(each, tell) for each in stored.get("gates") or ()],
    }


def _way(stored: Mapping[str, Any], tell: Teller) -> Told:
    channel = stored["channel"]
    findings = [
        {
            **one,
            "name": one["gate"],
            "verdict": PASS if one["allowed"] else HOLD if one.get("earliest") else DROP,
            "reasonCode": one["code"],
            "numbers": {**(one.get("numbers") or {}), "channel": channel},
        }
        for one in stored.get("findings") or ()
    ]
    return {
        "channel": channel,
        "point": stored.get("point"),
        "at": _moment(stored.get("at")),
        "allowed": stored["allowed"],
        "findings": [_gate(one, tell) for one in findings],
    }


def _gate(stored: Mapping[str, Any], tell: Teller) -> Told:
    verdict = stored.get("verdict") or (PASS if stored["passed"] else DROP)
    told = {
        "name": stored["name"],
        "verdict": verdict,
        "passed": verdict == PASS,
        "reasonCode": stored["reasonCode"],
        "reason": stored["reason"],
        "numbers": stored.get("numbers", {}),
        "evidence": stored.get("evidence", []),
        "earliest": _moment(stored.get("earliest")),
    }
    return _Gate(told, lambda: _said(stored, tell))


def _said(stored: Mapping[str, Any], tell: Teller) -> str:
    """The reason of a verdict in words, fact by fact where there are several."""
    if facts := stored.get("facts"):
        return " ".join(tell.sentence(one["code"], one.get("numbers") or {}, one["text"]) for one in facts)
    return tell.sentence(stored["reasonCode"], stored.get("numbers") or {}, stored["reason"])


def _of_offer(decision: Mapping[str, Any], offer: Mapping[str, Any], tell: Teller) -> Told | None:
    """The candidate of a decision that the offer is: the one with a rank, of its rule and product."""
    found = [
        one
        for one in _entries(decision, tell)
        if (one["rule"], one["productCode"]) == (offer["ruleId"], offer["productCode"])
    ]
    return max(found, key=lambda one: one["rank"] is not None, default=None)


def _stopped_by(entry: Mapping[str, Any] | None) -> Told | None:
    """The gate that dropped a candidate, else the first that holds it back; None: nothing does."""
    gates: list[Told] = entry["gates"] if entry else []
    for verdict in (DROP, HOLD):
        for one in gates:
            if one["verdict"] == verdict:
                return one
    return None


def _how_far(entry: Mapping[str, Any]) -> tuple[bool, int]:
    """The further a candidate came, the more it says: offered, else the number of gates before the one that stopped."""
    return entry["rank"] is not None, len(entry["gates"])


def _cause(decision: Mapping[str, Any]) -> Told:
    event = decision["event"] or {}
    return {
        "trigger": decision["trigger"],
        "eventId": event.get("id"),
        "eventType": event.get("type"),
        "at": _instant(event.get("at")),
    }


def _consents(entry: Mapping[str, Any] | None, known: Iterable[Mapping[str, Any]]) -> list[Told]:
    """The consents that the gate named as its evidence, as they are on record."""
    named = {
        item
        for gate in (entry["gates"] if entry else ())
        if gate["name"] == "consent"
        for item in gate["evidence"] or ()
    }
    return [{**one, "since": _instant(one["since"])} for one in known if one["id"] in named]


def _overrides(lists: Iterable[Sequence[Mapping[str, Any]] | None]) -> list[Told]:
    found = {one["id"]: one for each in lists for one in each or ()}
    return [{**one, "approvedAt": _instant(one["approvedAt"])} for _, one in sorted(found.items())]


def _contact_in_words(found: Mapping[str, Any], told: Mapping[str, Any], tell: Teller) -> list[str]:
    about = told["productName"] or told["productCode"]
    began = "inbound" if told["direction"] == "INBOUND" else "outbound"
    contact = {"customer": found["customer"], "at": told["at"], "channel": told["channel"] or "ANY"}
    lines = [tell.say(f"why-{began}-about", **contact, product=about) if about else tell.say(f"why-{began}", **contact)]
    if not told["decided"]:
        lines.append(tell.say("why-employee"))
        if found["source"]:
            lines.append(tell.say("why-source", source=found["source"]))
    else:
        lines += _decision_in_words(found["decision"], told, tell)
    lines += [
        tell.say(
            "why-override",
            limit=one["limit"] or "?",
            days=one["days"] or 0,
            asked=one["askedBy"] or "?",
            approved=one["approvedBy"] or "?",
            reason=_whole(one["reason"] or "?"),
        )
        for one in told["overrides"]
    ]
    if told["policyVersion"]:
        lines.append(tell.say("why-policy", version=told["policyVersion"]))
    return lines


def _decision_in_words(decision: Mapping[str, Any], told: Mapping[str, Any], tell: Teller) -> list[str]:
    cause, candidate = told["cause"], told["candidate"]
    at = told["decidedAt"]
    lines = [_cause_in_words(decision, cause, at, tell)]
    if candidate:
        name = candidate["title"] or candidate["rule"]
        lines.append(tell.say("why-rule", rule=name, id=candidate["rule"], version=candidate["version"] or "?"))
    if told["judgedAgainAt"]:
        lines.append(tell.say("why-again", at=told["judgedAgainAt"]))
    if told["reasons"]:
        lines.append(tell.say("why-reasons", reasons=" ".join(_whole(one) for one in told["reasons"])))
    passed = [one for one in told["gates"] if one["passed"]]
    held = [one for one in told["gates"] if not one["passed"]]
    if passed:
        lines.append(tell.say("why-checks", checks=len(passed)))
    lines += [
        tell.say(
            f"why-consent-{(one['status'] or 'unknown').lower()}",
            purpose=one["purpose"] or "?",
            channel=one["channel"] or "ANY",
            since=one["since"],
            id=one["id"],
        )
        for one in told["consents"]
    ]
    lines += [one["sentence"] for one in passed if one["name"] in TOLD_GATES]
    lines += [tell.say("why-held", gate=one["name"].upper(), sentence=one["sentence"]) for one in held]
    return lines


def _cause_in_words(decision: Mapping[str, Any], cause: Mapping[str, Any], at: str, tell: Teller) -> str:
    if cause["eventType"]:
        return tell.say("why-event", at=at, event=cause["eventType"], happened=cause["at"] or at)
    if decision["mode"] == "INBOUND":
        return tell.say("why-asked", at=at)
    return tell.say("why-scan", at=at)


def _refusal_in_words(found: Mapping[str, Any], told: Mapping[str, Any], tell: Teller) -> list[str]:
    product = told["productName"] or told["productCode"]
    named = {"customer": found["customer"], "product": product}
    lines = [] if told["productName"] else [tell.say("why-not-unknown-product", code=told["productCode"])]
    if not told["considered"]:
        return [*lines, tell.say("why-not-never", **named)]
    gate, at, offer = told["gate"], told["decidedAt"], told["offer"]
    if offer:
        lines.append(tell.say("why-not-proposed", **named, at=at, status=offer["status"]))
        because = texts.current().sentence(
            offer["statusReason"] or "", {"channel": offer["channel"] or "ANY"}, tell.language, zone=tell.zone
        )
        if because != (offer["statusReason"] or ""):
            lines.append(because)
        if gate:
            lines.append(tell.say("why-not-held", sentence=gate["sentence"]))
    elif gate:
        lines.append(tell.say("why-not-stopped", **named, at=at, gate=gate["name"].upper(), sentence=gate["sentence"]))
    else:
        lines.append(tell.say("why-not-open", **named, at=at))
    if told["candidate"]:
        candidate = told["candidate"]
        lines.append(tell.say("why-not-rule", rule=candidate["title"] or candidate["rule"], id=candidate["rule"]))
    if told["earliest"]:
        lines.append(tell.say("why-not-earliest", at=told["earliest"]))
    return lines


def _moment(stored: str | None) -> str | None:
    """An instant of the trace in the response's form."""
    return None if stored is None else instant_to_show(round(dt.datetime.fromisoformat(stored).timestamp() * 1000))


def _instant(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else instant_to_show(milliseconds)


def _whole(sentence: str) -> str:
    """The sentence with a capital at its beginning and a stop at its end."""
    text = sentence.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")
