"""To whom it is put down what a command does: to who runs it, and never what it does for others."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from graph_crm import logs
from graph_crm.audit import acting
from graph_crm.cli import console

app = typer.Typer()
requests = typer.Typer()
app.add_typer(requests, name="requests")


async def _who() -> None:
    made = acting.current()
    console.say(f"{made.actor.role}: {made.operation}" if made else "nobody")


@app.command()
def worker() -> None:
    """Say for whom a worker works."""
    console.run(_who())


@requests.command()
def report() -> None:
    """Say for whom a report is made."""
    console.run(_who())


@pytest.mark.parametrize("called", ["graph-crm", "python -m graph_crm"])
@pytest.mark.parametrize(
    ("words", "who"), [(["worker"], "nobody"), (["requests", "report"], "operator: command requests report")]
)
def test_what_a_worker_does_is_nobodys_however_it_was_started(
    monkeypatch: pytest.MonkeyPatch, called: str, words: list[str], who: str
) -> None:
    monkeypatch.setattr(logs, "configured", lambda: True)
    done = CliRunner().invoke(app, words, prog_name=called)
    assert (done.output.strip(), done.exception) == (who, None)
