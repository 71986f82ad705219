"""A plugin that does not come back halts nobody for long: its call is ended, and it is not asked again."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from graph_crm.rules.deadline import Deadline, PluginHangs
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import PartyFacts, Snapshot

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


def book(folder: Path, body: str) -> RuleBook:
    (folder / "hanging.py").write_text(
        "from graph_crm.rules import hookimpl\n\n\n@hookimpl\ndef veto(snapshots, proposals):\n"
        + textwrap.indent(textwrap.dedent(body), "    "),
        "utf-8",
    )
    return RuleBook.load([folder], installed=False, seconds=0.3)


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    pass\n",
        "while True:\n    try:\n        [n for n in range(1000)]\n    except Exception:\n        pass\n",
        "import time\nwhile True:\n    time.sleep(0.05)\n",
    ],
    ids=["a loop", "a loop that catches everything", "a loop that sleeps"],
)
def test_a_call_that_hangs_is_ended_forbids_what_it_may_have_forbidden_and_is_not_made_again(tmp_path: Path, body: str):
    rules = book(tmp_path, body)
    customers = [Snapshot(PartyFacts(id=name), NOW) for name in ("c1", "c2")]
    vetoes = rules.veto(customers, [])
    assert [(one.plugin, one.value.code, one.value.party) for one in vetoes] == [
        ("hanging", "VETO_UNKNOWN", "c1"),
        ("hanging", "VETO_UNKNOWN", "c2"),
    ]
    (plugin,) = rules.plugins
    assert plugin.suspended
    assert "gave no answer in the time that a call may take" in " ".join(rules.problems)
    assert len(rules.veto(customers, [])) == 2
    assert plugin.calls == 1


def for_ever(deadline: Deadline) -> None:
    with deadline.watched():
        while True:
            pass


def test_what_ends_in_time_is_left_alone_however_often_it_is_asked():
    deadline = Deadline(0.05)
    for _ in range(50):
        with deadline.watched():
            time.sleep(0.004)
    with pytest.raises(PluginHangs):
        for_ever(deadline)
    time.sleep(0.1)  # what was raised for the call before meets nobody else


def test_a_process_that_not_even_python_comes_back_to_is_ended_and_says_where_it_stood():
    code = """
        import asyncio, re
        from graph_crm.rules.deadline import watch_loop

        async def hang():
            watching = asyncio.create_task(watch_loop(0.5))
            await asyncio.sleep(0)
            re.match("(a+)+$", "a" * 60 + "b")

        asyncio.run(hang())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert "in hang" in done.stderr
