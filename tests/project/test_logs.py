"""Logs: one shape for everything that is logged, and nothing personal in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_crm import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_logs_are_one_object_a_line_for_ours_and_for_the_servers(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form="json")
    logs.get("graph_crm.test").info("decision_recorded", party="berka:client:18", offers=2)
    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "somewhere")

    ours, theirs = lines(capsys.readouterr().err)

    assert (ours["event"], ours["party"], ours["offers"]) == ("decision_recorded", "berka:client:18", 2)
    assert (ours["level"], ours["logger"]) == ("info", "graph_crm.test")
    assert str(ours["timestamp"]).endswith("Z")
    assert (theirs["event"], theirs["logger"]) == ("Uvicorn running on somewhere", "uvicorn.error")


@pytest.mark.parametrize(
    "key", ["name", "displayName", "birth_date", "phone", "email", "token", "variables", "payload"]
)
def test_what_could_name_a_person_or_open_a_door_is_masked(capsys: pytest.CaptureFixture[str], key: str) -> None:
    logs.configure(form="json")
    logs.get("t").warning("x", **{key: "Jana Novotná", "input": {key: "Jana Novotná"}})
    shown = capsys.readouterr().err
    assert "Jana" not in shown
    assert json.loads(shown)[key] == logs.MASK


def test_a_trace_shows_lines_of_code_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "console"):
        logs.configure(form=form)  # type: ignore[arg-type] # both literals
        holder = {"who": "Jana Novotná"}
        try:
            _ = holder["nothing"]
        except KeyError:
            logs.get("t").exception("failed")
        shown = capsys.readouterr().err
        assert "KeyError" in shown
        assert "Jana" not in shown


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_address_is_masked_wherever_it_stands(capsys: pytest.CaptureFixture[str], form: str) -> None:
    logs.configure(form=form)  # type: ignore[arg-type] # both literals
    said = "550 <jana.novotna@post.example>: unknown; call +420602123456"
    logging.getLogger("delivery").warning("message %s failed: %s", "delivery:1", said)
    logs.get("t").warning("refused", problem=said, more=[said], party="berka:client:18")
    try:
        int(said)
    except ValueError as error:
        logging.getLogger("worker").warning("entry failed", exc_info=error)
        logs.get("t").exception("failed")
    shown = capsys.readouterr().err
    assert shown.count("550") >= 5
    assert "novotna" not in shown
    assert "602123456" not in shown
    assert "berka:client:18" in shown
    assert "delivery:1" in shown


def test_below_the_level_nothing_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form="json", level="warning")
    logs.get("t").info("quiet")
    assert capsys.readouterr().err == ""


def test_configuring_twice_logs_once_and_a_file_gets_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "logs" / "x.log"
    logs.configure(file=file)
    logs.configure(file=file)
    logs.get("t").info("once", count=1)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [line["event"] for line in lines(file.read_text("utf-8"))] == ["once"]
