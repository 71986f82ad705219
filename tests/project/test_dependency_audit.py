"""The audit of the locked packages tells what it audited; that nobody could be asked is never taken for safety."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"
SAFE = {"name": "anyio", "version": "4.9.0", "vulns": []}
OLD = {"name": "jinja2", "version": "3.0.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.5"], "description": ""}]}
UNKNOWN = {"name": "orjson", "skip_reason": "Dependency not found on PyPI and could not be audited: orjson"}
UNREACHABLE = "ConnectionError: name not resolved"


class Audit:
    """The script, with a pip-audit that answers what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = monkeypatch, capsys
        spec = importlib.util.spec_from_file_location("dependency_audit", AUDIT)
        assert spec
        assert spec.loader
        self._script = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "dependency_audit", self._script)
        spec.loader.exec_module(self._script)

    def run(self, *, pypi: Any, osv: Any = UNREACHABLE, required: bool = False) -> tuple[int, str]:
        """Exit status and words."""
        answers = {"pypi": pypi, "osv": osv}

        def answer(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            said = answers[command[command.index("--vulnerability-service") + 1]]
            if said == UNREACHABLE:
                return subprocess.CompletedProcess(command, 1, "", f"Traceback (most recent call last):\n{said}\n")
            text = said if isinstance(said, str) else json.dumps({"dependencies": said, "fixes": []})
            return subprocess.CompletedProcess(command, 0, text, "")

        self._patch.setattr(self._script.subprocess, "run", answer)
        self._patch.setenv("GRAPH_CRM_REQUIRE_AUDIT", "1" if required else "")
        return self._script.main(["some.lock"]), self._capsys.readouterr().out


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Audit:
    return Audit(monkeypatch, capsys)


def test_packages_without_advisories_pass(audit: Audit) -> None:
    assert audit.run(pypi=[SAFE], required=True) == (0, "some.lock: 1 packages audited, 0 advisories\n")


@pytest.mark.parametrize("required", [True, False])
def test_a_vulnerable_package_fails_with_its_advisory_and_what_mends_it(audit: Audit, *, required: bool) -> None:
    status, said = audit.run(pypi=[SAFE, OLD], required=required)
    assert status == 1
    assert "VULNERABLE jinja2 3.0.0: PYSEC-1 (mended in: 3.1.5)" in said


@pytest.mark.parametrize("pypi", [[UNKNOWN], [], UNREACHABLE])
def test_where_no_service_knows_a_package_it_is_said_and_fails_where_an_audit_is_asked_for(
    audit: Audit, pypi: Any
) -> None:
    status, said = audit.run(pypi=pypi)
    assert (status, "NOT AUDITED: no advisory service answers" in said) == (0, True)
    assert audit.run(pypi=pypi, required=True)[0] == 1


def test_packages_that_a_service_does_not_know_are_named(audit: Audit) -> None:
    status, said = audit.run(pypi=[SAFE, UNKNOWN])
    assert (status, "NOT AUDITED, unknown to the service: orjson" in said) == (0, True)
    assert audit.run(pypi=[SAFE, UNKNOWN], required=True)[0] == 1


def test_a_second_service_is_asked_where_the_first_knows_nothing(audit: Audit) -> None:
    status, said = audit.run(pypi=[UNKNOWN], osv=[OLD])
    assert (status, "PYSEC-1" in said) == (1, True)


def test_an_answer_in_another_form_is_no_audit(audit: Audit) -> None:
    status, said = audit.run(pypi='{"packages": []}', required=True)
    assert (status, "NOT AUDITED" in said) == (1, True)
