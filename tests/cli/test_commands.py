"""The command: what is offered, how an error looks, and that machines can read it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from graph_crm import cli
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh machine: no setting, an empty data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    return {**kept, "GRAPH_CRM_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}


def command(*arguments: str, env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "graph_crm", *arguments],
        env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def names(group: object, prefix: str = "graph-crm") -> set[str]:
    commands = getattr(group, "commands", None)
    if commands is None:
        return {prefix}
    return set().union(*(names(one, f"{prefix} {name}") for name, one in commands.items() if not one.hidden))


def test_every_command_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(graph-crm [a-z -]+)` \|", page, flags=re.MULTILINE))
    assert documented == names(get_command(cli.app))


def test_every_command_explains_itself_and_its_options() -> None:
    def undocumented(group: object, path: str) -> list[str]:
        found = [] if getattr(group, "help", None) else [path]
        found += [f"{path} {one.name}" for one in getattr(group, "params", []) if one.name != "help" and not one.help]
        for name, one in getattr(group, "commands", {}).items():
            found += undocumented(one, f"{path} {name}")
        return found

    assert undocumented(get_command(cli.app), "graph-crm") == []


def test_help_answers_at_once(environment: dict[str, str]) -> None:
    best = 9.0
    for _ in range(3):
        started = time.perf_counter()
        assert command("--help", env=environment).returncode == 0
        best = min(best, time.perf_counter() - started)
    assert best < 1.5  # 0.2 s alone on the machine; a database driver or GraphQL library at the start adds a second


def test_help_imports_neither_driver_nor_graphql(environment: dict[str, str]) -> None:
    code = "import sys, graph_crm.cli; print(sorted({'neo4j', 'strawberry', 'uvicorn', 'faker'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_one_that_is_installed(environment: dict[str, str]) -> None:
    done = command("--version", env=environment)
    assert (done.returncode, done.stdout) == (0, f"graph-crm {version('graph-crm')}\n")


def test_a_mistyped_command_names_the_right_one_and_exits_with_2(environment: dict[str, str]) -> None:
    done = command("tokne", env=environment)
    assert done.returncode == 2
    assert "token" in done.stderr


def test_a_known_error_is_code_message_and_hint_without_a_trace(environment: dict[str, str]) -> None:
    done = command("token", "--role", "agent", env=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("CONFIGURATION: No secret is set to check tokens with, and no demo has made one in ")
    assert "GRAPH_CRM_JWT_SECRET" in second


def test_debug_shows_the_trace(environment: dict[str, str]) -> None:
    done = command("--debug", "token", "--role", "agent", env=environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_unforeseen_error_is_one_line_and_the_trace_is_in_the_log(
    environment: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "demo-jwt-secret").mkdir()  # a folder where a file is read
    done = command("token", "--role", "agent", env=environment)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("INTERNAL: IsADirectoryError")
    log = data / "logs" / "graph-crm.log"
    assert str(log) in second
    assert "Traceback" in log.read_text("utf-8")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("role", list(Role))
def test_a_token_of_each_role_is_one_that_the_server_takes(environment: dict[str, str], role: Role) -> None:
    environment |= {"GRAPH_CRM_JWT_SECRET": SECRET, "GRAPH_CRM_JWT_HS256": "true"}
    done = command("token", "--role", role, "--party", "p1", "--subject", "jana", env=environment)
    caller = Verifier(SECRET).verify(done.stdout.strip())
    assert (caller.role, caller.subject, caller.party_id) == (role, "jana", "p1")


def test_no_token_is_made_that_no_server_would_take(environment: dict[str, str]) -> None:
    environment["GRAPH_CRM_JWT_SECRET"] = SECRET
    done = command("token", "--role", "agent", env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CONFIGURATION: No server takes a token that is made here")
    assert "graph-crm account add" in done.stderr


def test_serve_refuses_to_start_where_nobody_could_call(environment: dict[str, str], tmp_path: Path) -> None:
    environment["GRAPH_CRM_JWT_SECRET"] = SECRET
    done = command("serve", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("CONFIGURATION: No identity provider is named")
    assert "GRAPH_CRM_JWKS_URL" in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_unknown_role_is_refused_with_the_list_of_roles(environment: dict[str, str]) -> None:
    done = command("token", "--role", "king", env=environment)
    assert done.returncode == 2
    assert "relationship_manager" in done.stderr
    assert "Value error" not in done.stderr  # the words of a library


def test_an_option_that_is_no_number_is_told_in_plain_words(environment: dict[str, str]) -> None:
    done = command("serve", "--port", "x", env=environment)
    assert done.returncode == 2
    assert "must be a whole number" in done.stderr


def test_settings_can_be_read_by_machines_and_hide_secrets(environment: dict[str, str]) -> None:
    environment["GRAPH_CRM_JWT_SECRET"] = SECRET
    environment["GRAPH_CRM_PROT"] = "1"
    done = command("settings", "--json", env=environment)
    found = {setting["name"]: setting for setting in json.loads(done.stdout)}
    assert found["data_dir"]["origin"] == "environment GRAPH_CRM_DATA_DIR"
    assert SECRET not in done.stdout
    assert "did you mean GRAPH_CRM_PORT?" in done.stderr


def test_settings_from_a_file_named_before_the_command(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "bank.toml"
    file.write_text("port = 4242\n")
    done = command("--config", str(file), "settings", "--json", env=environment)
    port = next(setting for setting in json.loads(done.stdout) if setting["name"] == "port")
    assert (port["value"], port["origin"]) == (4242, f"file {file}")


def test_serve_refuses_to_start_without_a_secret(environment: dict[str, str]) -> None:
    environment["GRAPH_CRM_DATA_DIR"] = "/nonexistent/graph-crm"  # nothing may be started or written before that
    done = command("serve", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("CONFIGURATION: No secret")


def test_serve_on_a_port_that_is_taken_says_so_before_the_database_is_touched(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"GRAPH_CRM_JWT_SECRET": SECRET, "GRAPH_CRM_JWT_HS256": "true"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = command("serve", "--port", str(port), env=environment)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"CONFIGURATION: Port {port} of 127.0.0.1 is taken by another program."
    assert "--port" in second
    assert not (tmp_path / "data").exists()


def test_serve_on_an_address_of_another_machine_says_so(environment: dict[str, str]) -> None:
    environment |= {"GRAPH_CRM_JWT_SECRET": SECRET, "GRAPH_CRM_JWT_HS256": "true"}
    done = command("serve", "--host", "192.0.2.1", "--port", "0", env=environment)  # an address for documentation
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "CONFIGURATION: 192.0.2.1 is no address of this machine.",
    )


@pytest.mark.parametrize(
    "arguments",
    [("rules", "list"), ("rules", "check"), ("rules", "candidates", "x"), ("serve",), ("worker",), ("demo",)],
    ids=" ".join,
)
def test_a_plugin_folder_that_is_not_there_stops_what_would_run_without_its_vetoes(
    environment: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    environment |= {"GRAPH_CRM_PLUGINS_DIR": str(tmp_path / "ruels"), "GRAPH_CRM_JWT_SECRET": SECRET}
    environment |= {"GRAPH_CRM_PORT": "0", "GRAPH_CRM_JWT_HS256": "true"}
    done = command(*arguments, env=environment)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(f"CONFIGURATION: GRAPH_CRM_PLUGINS_DIR names {tmp_path / 'ruels'}, which is no folder")
    assert "Correct the path" in second
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments", [("settings",), ("token", "--role", "agent"), ("rules", "list"), ("doctor",)], ids=" ".join
)
def test_rule_modes_that_are_no_json_are_told_with_an_example(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    environment["GRAPH_CRM_RULE_MODES"] = "off"
    done = command(*arguments, env=environment)
    assert done.returncode == 1
    told = done.stderr if arguments != ("doctor",) else done.stdout
    assert "GRAPH_CRM_RULE_MODES (environment GRAPH_CRM_RULE_MODES) is not JSON" in told
    assert '{"student_card": "shadow"}' in told
    assert "INTERNAL" not in done.stderr


def test_the_last_line_of_defence_holds_when_no_log_can_be_written_and_the_settings_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the very thing")

    file = tmp_path / "a file where a folder is wanted"
    file.touch()
    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr("graph_crm.settings.load", broken)
    monkeypatch.setattr("graph_crm.settings.default_data_dir", lambda: file)
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: str(file))
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "INTERNAL: RuntimeError: the very thing"
    assert "--debug" in second


def test_a_slow_statement_of_a_command_is_told_to_the_log_file_and_not_to_the_user(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code = """
import logging
from graph_crm.cli.console import run
async def work():
    logging.getLogger("graph_crm.graph.database").warning("slow statement, %.0f ms", 1200)
    logging.getLogger("graph_crm.graph.engine").warning("worth knowing")
run(work())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "slow statement" not in done.stderr
    assert "worth knowing" in done.stderr
    assert "slow statement, 1200 ms" in (tmp_path / "data" / "logs" / "graph-crm.log").read_text("utf-8")


def test_a_command_whose_log_can_not_be_written_works_all_the_same(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    code = "import logging; from graph_crm.cli.console import run\nasync def work(): logging.warning('x')\nrun(work())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr


def test_the_schema_is_the_committed_one_and_a_difference_is_shown(environment: dict[str, str], tmp_path: Path) -> None:
    assert command("schema", "check", env=environment).returncode == 0
    exported = tmp_path / "schema.graphql"
    assert command("schema", "export", "--file", str(exported), env=environment).returncode == 0
    assert exported.read_text("utf-8") == (ROOT / "schema" / "schema.graphql").read_text("utf-8")
    exported.write_text(exported.read_text("utf-8").replace("type Person ", "type Human "), "utf-8")
    done = command("schema", "check", "--file", str(exported), env=environment)
    assert done.returncode == 1
    assert "-type Human " in done.stdout
    assert "+type Person " in done.stdout


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "broken.py").write_text("def rules(:\n")
    environment |= {
        "GRAPH_CRM_PLUGINS_DIR": str(plugins),
        "NEO4J_URI": "bolt://127.0.0.1:9",  # nobody listens on the port "discard"
        "NEO4J_PASSWORD": "x",
    }
    done = command("doctor", "--json", env=environment)
    assert done.returncode == 1
    found = {(one["check"], one["state"]): one for one in json.loads(done.stdout)}
    assert ("python", "ok") in found
    assert "DATABASE_UNAVAILABLE" in found["database", "wrong"]["found"]
    assert "broken" in found["plugins", "wrong"]["found"]
    assert all(one["advice"] for one in found.values() if one["state"] != "ok")


def test_the_doctor_is_content_with_a_fresh_machine(environment: dict[str, str]) -> None:
    done = command("doctor", env=environment)
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout


def test_the_doctor_tells_a_setting_that_can_not_be_used(environment: dict[str, str]) -> None:
    environment["GRAPH_CRM_PORT"] = "x"
    done = command("doctor", env=environment)
    assert done.returncode == 1
    assert "GRAPH_CRM_PORT" in done.stdout


def test_the_doctor_and_the_policy_command_read_the_contact_policy(environment: dict[str, str], tmp_path: Path) -> None:
    shipped = (ROOT / "seed" / "contact_policy.toml").read_text("utf-8")
    file = tmp_path / "policy.toml"
    environment["GRAPH_CRM_CONTACT_POLICY"] = str(file)
    file.write_text(shipped.replace("days = 45", "days = 60"), "utf-8")
    shown = json.loads(command("contacts", "policy", "--json", env=environment).stdout)
    assert (shown["file"], shown["limits"][0]["days"], shown["times"][0]["from"]) == (str(file), 60, "09:00")
    found = {one["check"]: one for one in json.loads(command("doctor", "--json", env=environment).stdout)}
    assert "3 limits" in found["contact_policy"]["found"]
    assert shown["version"] in found["contact_policy"]["found"]
    file.write_text(shipped.replace("count = 1\n", 'count = 1\nscope = "houshold"\n', 1), "utf-8")
    done = command("doctor", "--json", env=environment)
    assert done.returncode == 1
    (wrong,) = [one for one in json.loads(done.stdout) if one["state"] == "wrong"]
    assert wrong["check"] == "contact_policy"
    assert "scope 'houshold' is not known: one of customer, household, contact_point (Did you mean" in wrong["found"]
    assert ".." not in wrong["found"]
    assert "docs/contact-policy.md" in wrong["advice"]


def test_the_limits_of_a_plugin_are_shown_with_those_of_the_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(
        "from graph_crm.rules import ContactLimit, hookimpl\n\n\n@hookimpl\ndef contact_limits():\n"
        "    return [ContactLimit(name='weekly', count=1, days=7)]\n"
    )
    environment["GRAPH_CRM_PLUGINS_DIR"] = str(tmp_path)
    limits = json.loads(command("contacts", "policy", "--json", env=environment).stdout)["limits"]
    assert [(one["name"], one["from"]) for one in limits][-2:] == [
        ("promotional_contacts", "file"),
        ("weekly", "plugin"),
    ]
    assert "weekly" in command("contacts", "policy", env=environment).stdout
