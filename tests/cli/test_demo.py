"""The demo, for real: a bank that answers, a decision with its reason, and nothing left behind after Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from graph_crm.cli.supervisor import for_trying_out
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.resources import folder
from graph_crm.settings import Settings

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group work differently there"),
]

CUSTOMERS = 200
LONGEST_START = 240.0


class RunningDemo:
    """A demo process, its output, and what can be asked of it."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self.process = process
        self.output = output
        self.started = time.monotonic()
        self.url = ""
        self.tokens: dict[str, str] = {}

    def wait_until_open(self) -> None:
        """Read addresses and tokens."""
        while time.monotonic() - self.started < LONGEST_START:
            text = self.output.read_text("utf-8")
            if "Ctrl-C stops everything" in text:
                self.url = re.search(r"GraphQL +(http\S+)", text).group(1)  # type: ignore[union-attr] # it is printed
                self.tokens = dict(re.findall(r"^  ([a-z_]+) +(eyJ\S+)$", text, flags=re.MULTILINE))
                return
            assert self.process.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(f"not open after {LONGEST_START} s: {self.output.read_text('utf-8')}")

    def ask(self, query: str, role: str = "service") -> Any:
        answer = httpx.post(
            self.url, json={"query": query}, headers={"Authorization": f"Bearer {self.tokens[role]}"}, timeout=30
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def family(self) -> list[psutil.Process]:
        """Every process that the demo started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cpu_seconds(self) -> float:
        """What all of it has cost until now; unlike the time on the clock, this does not grow with other work."""
        family = [psutil.Process(self.process.pid), *self.family()]
        return sum(times.user + times.system for times in (one.cpu_times() for one in family))

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, engine_cache: Path) -> dict[str, str]:
    """A fresh data folder, and with it an embedded Neo4j of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    return {
        **kept,
        "GRAPH_CRM_DATA_DIR": str(tmp_path_factory.mktemp("demo") / "data"),
        "GRAPH_CRM_CACHE_DIR": str(engine_cache),
        "GRAPH_CRM_ENGINE_HEAP_MB": "512",
        "GRAPH_CRM_ENGINE_PAGECACHE_MB": "64",
        "GRAPH_CRM_SEED_CUSTOMERS": str(CUSTOMERS),
        "GRAPH_CRM_PORT": "0",
        "GRAPH_CRM_MAIL_PORT": "0",
    }


@contextmanager
def running(environment: dict[str, str], output: Path) -> Iterator[RunningDemo]:
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "graph_crm", "demo"], env=environment, stdout=file, stderr=file, text=True
        )
    demo = RunningDemo(process, output)
    try:
        yield demo
    finally:
        if process.poll() is None:
            demo.stop()


def test_the_demo_opens_a_bank_and_stops_without_a_trace(environment: dict[str, str], tmp_path: Path) -> None:
    with running(environment, tmp_path / "first") as demo:
        demo.wait_until_open()

        # The stories that it prints can be copied into a shell as they stand. They come first: what
        # somebody else was advised to would be the next call of the story.
        with shell(environment, stories(demo.output.read_text("utf-8"))) as run:
            the_loan_is_refused(run)
            the_complaint_is_answered(run)

        # The queries that it prints answer as they stand.
        printed = re.findall(r"^  #   ((?:mutation )?\{.*\})$", demo.output.read_text("utf-8"), flags=re.MULTILINE)
        assert len(printed) == 6
        search, customer, without_card, advice, why_not, next_calls = (demo.ask(query) for query in printed)
        assert search["searchParties"]["nodes"]
        assert customer["party"]["agreements"]["edges"]
        assert without_card["parties"]["totalCount"] >= 0
        assert advice["decide"]["offers"]["nodes"]
        assert why_not["party"]["whyNot"]["text"]
        assert "nodes" in next_calls["reservations"]

        # A token for each role; a customer's own party and no other.
        assert len(demo.tokens) == 9
        own = re.search(r"customer: (\S+)\)", demo.output.read_text("utf-8"))
        assert own is not None
        party = own.group(1)
        assert demo.ask(f'{{ party(id: "{party}") {{ id }} }}', "customer") == {"party": {"id": party}}

        # An event becomes a decision with its reason.
        demo.ask(
            f'mutation {{ recordEvent(input: {{ type: "atm_balance_check", partyId: "{party}", channel: ATM }})'
            " { id } }",
            "service",
        )
        assert "SMALL_LOAN" in [offer["productCode"] for offer in eventually(demo, party)]

        family = demo.family()
        assert len(family) >= 2
        assert demo.stop() == 0
        assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        assert "Stopped." in demo.output.read_text("utf-8")


@dataclass
class Shell:
    """A shell into which the printed commands are copied, one after the other."""

    process: subprocess.Popen[str]
    commands: list[str]

    def next(self, *expected: str) -> str:
        """What the next command answers, said again until it has all that is expected; the worker takes a moment."""
        command = self.commands.pop(0)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(f"{command}\necho ==done\n")
            self.process.stdin.flush()
            answer = "".join(iter(self.process.stdout.readline, "==done\n"))
            if all(part in answer for part in expected):
                return answer
            assert time.monotonic() < deadline, f"{command}\n{answer}"
            time.sleep(0.2)


def stories(text: str) -> list[str]:
    """The commands of the two stories, after the lines that prepare the shell."""
    token, _, told = text.partition("Two stories")
    told = "\n".join([*re.findall(r"^  TOKEN=.*$", token, flags=re.MULTILINE), told])
    return [line[2:] for line in told.splitlines() if line.startswith("  ") and not line.startswith("  #")]


@contextmanager
def shell(environment: dict[str, str], commands: list[str]) -> Iterator[Shell]:
    """A bash that finds the command `graph-crm`; the first lines are run."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(
        ["bash"], env={**environment, "PATH": path}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        run = Shell(process, commands)
        for _ in range(5):
            run.next()
        yield run
        assert not run.commands
        assert process.stdin is not None
        process.stdin.close()


def the_loan_is_refused(run: Shell) -> None:
    run.next('"recorded":["event:')
    run.next('"productCode":"SMALL_LOAN"')
    run.next('"sight":"RECOGNISED"', '"value":"...', '"agreements":{"totalCount":0}')
    call = run.next('"id":"delivery:')
    assert "You checked your balance at an ATM" in call
    assert '"agreements":{"totalCount":0}' not in run.next('"sight":"FULL"', '"value":"+')
    run.next('"outcome":"REJECTED"')
    run.next('"recorded":["event:')
    run.next('"offers":[]')
    run.next("refused", '"earliest":"20')


def the_complaint_is_answered(run: Shell) -> None:
    run.next("Accepted by")
    mail = run.next("Subject: We have received your request R-")
    number = re.findall(r"R-[0-9A-Z]{4}-[0-9A-Z]{4}", mail)[0]
    request = run.next(number, '"kind":"COMPLAINT"')
    owner = re.findall(r'"displayName":"([^"]+)"', request)[0]
    assert owner in mail
    run.next('"allowedNow":false', "COMPLAINT_OPEN")
    told = run.next(number, owner)
    link = re.findall(r"http\S+/desk/requests/\S+", told)[0]
    page = httpx.get(link)
    assert page.status_code == httpx.codes.OK
    assert "I complain about the fee" in page.text
    run.next('"status":"ANSWERED"')
    run.next(f"Your request {number} was answered")
    own = run.next(number, '"fromCustomer":true', "The fee was a mistake")
    assert "I complain about the fee" in own


def eventually(demo: RunningDemo, party: str) -> list[dict[str, str]]:
    query = (
        f'{{ party(id: "{party}") {{ decisions(first: 1, where: {{ mode: {{ eq: "EVENT" }} }})'
        " { nodes { mode causedBy { type }"
        " offers { nodes { productCode status reasons } } } } } }"
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        decisions = demo.ask(query)["party"]["decisions"]["nodes"]
        if decisions and decisions[0]["causedBy"] and decisions[0]["mode"] == "EVENT":
            offers: list[dict[str, str]] = decisions[0]["offers"]["nodes"]
            assert all(offer.pop("reasons") for offer in offers)
            return offers
        time.sleep(0.1)
    raise AssertionError("no decision within 30 s")


def test_the_second_start_takes_seconds_and_finds_the_same_bank_and_nobody_outlives_the_supervisor(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with running(environment, tmp_path / "second") as demo:
        demo.wait_until_open()
        assert "Making a bank" not in demo.output.read_text("utf-8")
        assert demo.cpu_seconds() < 45  # 15 s of two cores, which takes 8 s on the clock where nothing else runs
        assert demo.ask("{ decisions(first: 1) { nodes { outcome } } }")["decisions"]["nodes"]

        # A second demo on the same data is refused.
        again = subprocess.run(
            [sys.executable, "-m", "graph_crm", "demo"],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert again.returncode == 1
        assert "A demo runs already" in again.stderr

        # When the supervisor is killed, server and worker stop by themselves.
        children = [one for one in demo.family() if {"serve", "worker"} & set(one.cmdline())]
        assert len(children) == 2
        demo.process.kill()
        demo.process.wait(10)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive


def test_a_demo_that_was_killed_starts_again_tells_the_death_of_a_child_and_is_forgotten_on_command(
    environment: dict[str, str], tmp_path: Path
) -> None:
    data = Path(environment["GRAPH_CRM_DATA_DIR"])
    with running(environment, tmp_path / "third") as demo:
        demo.wait_until_open()
        assert demo.ask("{ decisions(first: 1) { nodes { outcome } } }")["decisions"]["nodes"]
        server = next(one for one in demo.family() if "serve" in one.cmdline())
        family = demo.family()
        server.kill()
        assert demo.process.wait(60) == 1
        assert "The server was killed by SIGKILL" in demo.output.read_text("utf-8")
        assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    done = subprocess.run(
        [sys.executable, "-m", "graph_crm", "demo", "--forget"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, data.exists()) == (0, False), done.stderr


def test_the_demo_has_the_shipped_contact_policy_but_for_the_hours() -> None:
    shipped, demo = (
        tomllib.loads((folder("seed") / name).read_text("utf-8"))
        for name in ("contact_policy.toml", "demo_contact_policy.toml")
    )
    assert ContactPolicy.load(folder("seed") / "demo_contact_policy.toml")
    assert shipped.pop("times") != demo.pop("times")
    assert shipped == demo


def test_what_the_user_decided_is_not_decided_by_the_demo(tmp_path: Path) -> None:
    decided = for_trying_out(Settings(data_dir=tmp_path, host="0.0.0.0", port=8123))  # noqa: S104 - not bound to
    assert decided.message_folder == tmp_path / "messages"
    assert decided.public_url == "http://127.0.0.1:8123"
    own = Settings(
        data_dir=tmp_path, contact_policy=tmp_path / "own.toml", levers={}, public_url="https://bank.example"
    )
    kept = for_trying_out(own)
    assert (kept.contact_policy, kept.levers, kept.public_url) == (own.contact_policy, {}, "https://bank.example")


def test_data_that_the_demo_did_not_make_is_not_forgotten(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "graph_crm", "demo", "--forget"],
        env={**environment, "GRAPH_CRM_DATA_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "was not made by the demo" in done.stderr
    assert (tmp_path / "engine").is_dir()
