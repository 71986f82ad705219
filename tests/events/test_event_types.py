"""The catalogue of events: what a plugin may add to it, what happens to a bad one, and where it can be looked at."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ConfigDict, field_validator
from typer.testing import CliRunner

from graph_crm import cli
from graph_crm.errors import ConfigurationError, InvalidInput, RuleError
from graph_crm.events.catalogue import catalogue_of, standard_catalogue
from graph_crm.rules import EventType, LongText, Money, Payload, Text, hookimpl
from graph_crm.rules.events import Nothing
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook


class SafeOpened(Payload):
    """What is told of a safe."""

    safe_number: Text
    insured_for: Money | None = None
    note: LongText | None = None


SAFE = EventType("safe_opened", SafeOpened, "The customer opened the safe.", keep_days=365)


def plugin(answer: Any, name: str = "mine") -> Found:
    """A plugin whose hook gives this, or raises it."""

    def event_types() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Found(name, f"{name}.py", SimpleNamespace(event_types=hookimpl(event_types)))


def test_a_plugin_adds_a_type_whose_payload_is_checked():
    catalogue = catalogue_of(RuleBook([plugin([SAFE])]))
    text = catalogue.payload_text("safe_opened", {"safeNumber": "7", "insuredFor": 1000})
    assert json.loads(text or "") == {"safeNumber": "7", "insuredFor": "1000.00"}
    with pytest.raises(InvalidInput, match="safeNumber"):
        catalogue.payload_text("safe_opened", {"safe_number": "7"})
    assert len(list(catalogue)) == len(list(standard_catalogue())) + 1


def test_a_type_is_described_by_a_json_schema():
    schema = SAFE.schema()
    assert schema["required"] == ["safeNumber"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"safeNumber", "insuredFor", "note"}
    assert all(one.schema()["type"] == "object" for one in standard_catalogue())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ValueError("broken"), "ValueError: broken"),
        ("safe_opened", "a list of event types"),
        ([SafeOpened], "a list of event types"),
        ([SAFE] * 201, "200 event types at most"),
        (None, "a list of event types"),
    ],
)
def test_a_plugin_that_answers_wrongly_is_reported_and_adds_nothing(answer: Any, said: str):
    book = RuleBook([plugin(answer), plugin([SAFE], "good")])
    catalogue = catalogue_of(book)
    assert len(book.problems) == 1
    assert "mine" in book.problems[0]
    assert said in book.problems[0]
    assert "safe_opened" in catalogue


def test_a_name_that_is_taken_is_left_out_and_reported():
    login = EventType("login", Nothing, "Another login.")
    again = EventType("safe_opened", Nothing, "Another safe.")
    book = RuleBook([plugin([SAFE, login], "one"), plugin([again], "two")])
    catalogue = catalogue_of(book)
    assert catalogue.get("safe_opened") is SAFE
    assert catalogue.get("login").payload is not Nothing
    assert [("one" in one, "two" in one) for one in book.problems] == [(True, False), (True, True)]
    assert "the platform" in book.problems[0]
    with pytest.raises(ConfigurationError, match="exists"):
        catalogue.add(again)


class Loose(Payload):
    """Takes anything."""

    model_config = ConfigDict(extra="allow")


class Unshowable(Payload):
    """Holds what has no JSON schema."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    thing: RuleBook


@pytest.mark.parametrize(
    ("name", "payload", "description", "keep_days"),
    [
        ("SafeOpened", SafeOpened, "x", None),
        ("safe opened", SafeOpened, "x", None),
        ("x" * 65, SafeOpened, "x", None),
        (7, SafeOpened, "x", None),
        ("safe", dict, "x", None),
        ("safe", SafeOpened(safeNumber="7"), "x", None),
        ("safe", Loose, "x", None),
        ("safe", Unshowable, "x", None),
        ("safe", SafeOpened, " ", None),
        ("safe", SafeOpened, "x" * 501, None),
        ("safe", SafeOpened, "x", 0),
        ("safe", SafeOpened, "x", 1.5),
        ("safe", SafeOpened, "x", True),
    ],
)
def test_what_makes_no_type_is_refused_where_it_is_written(name: Any, payload: Any, description: str, keep_days: Any):
    with pytest.raises(RuleError):
        EventType(name, payload, description, keep_days)


class Moody(Payload):
    """Raises what no model should."""

    mood: Text

    @field_validator("mood")
    @classmethod
    def _read(cls, value: str) -> str:
        raise KeyError(value)


def test_a_model_that_raises_refuses_the_event_and_tells_nothing_of_its_content():
    catalogue = catalogue_of(RuleBook([plugin([EventType("mood", Moody, "x")])]))
    with pytest.raises(InvalidInput, match="KeyError") as caught:
        catalogue.payload_text("mood", {"mood": "secret"})
    assert "secret" not in caught.value.message
    assert caught.value.details["field"] == "payload"


def test_a_payload_that_is_too_large_is_refused():
    class Big(Payload):
        words: list[LongText]

    catalogue = catalogue_of(RuleBook([plugin([EventType("big", Big, "x")])]))
    assert catalogue.payload_text("big", {"words": ["a" * 4000] * 4})
    with pytest.raises(InvalidInput) as caught:
        catalogue.payload_text("big", {"words": ["a" * 4000] * 5})
    assert caught.value.details == {"field": "payload", "limit": 16_384}


def test_of_a_payload_with_many_faults_some_are_named():
    with pytest.raises(InvalidInput) as caught:
        standard_catalogue().payload_text("login", {f"field{number}": 1 for number in range(500)})
    assert len(caught.value.message) < 2000


PLUGIN = """
from graph_crm.rules import EventType, Payload, Rule, everyone, hookimpl


class SafeOpened(Payload):
    safe: str


@hookimpl
def event_types():
    return %s


@hookimpl
def rules():
    return [
        Rule(id="safe", title="t", when=everyone(), on_event="safe_opened", offer="CREDIT_CARD", channels=["ATM"],
             reasons="You opened your safe.")
    ]
"""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('[EventType("safe_opened", SafeOpened, "Opened.")]', []),
        ("[]", ["rule safe waits for unknown event safe_opened"]),
        ("[SafeOpened]", ["event_types() must return a list of event types", "rule safe waits for unknown event"]),
        ('[EventType("Safe", SafeOpened, "Opened.")]', ["'Safe' is no name", "rule safe waits for unknown event"]),
    ],
)
def test_the_check_for_authors_knows_the_types_of_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, told: list[str]
):
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "data"))
    file = tmp_path / "safe.py"
    file.write_text(PLUGIN % answer)
    done = CliRunner().invoke(cli.app, ["rules", "check", str(file)])
    lines = done.stdout.splitlines()
    assert len(lines) == len(told), done.output
    assert all(any(one in line for line in lines) for one in told)
    assert done.exit_code == (1 if told else 0)
