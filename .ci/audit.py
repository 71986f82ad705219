# ruff: noqa: INP001 - a script beside `run`
"""Tells whether the locked packages are known to be vulnerable, and whether anybody was there to ask.

    python .ci/audit.py requirements.lock [MORE.lock ...]

Runs pip-audit over each lock and counts what it really audited, because pip-audit itself exits with 0 when no package
was found at its service (a mirror of PyPI without advisories, for example). The services are asked one after the other
until one knows the packages. Exit status: 1 for a vulnerable package; for packages that nobody was asked about 0 with
a warning, or 1 where GRAPH_CRM_REQUIRE_AUDIT=1 (set it where the advisory services can be reached).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

SERVICES = ("pypi", "osv")
SECONDS = 600


@dataclass(frozen=True)
class Finding:
    """What a service said of one lock."""

    audited: frozenset[str]
    unknown: frozenset[str]
    """Packages that the service did not know."""
    vulnerable: tuple[str, ...]
    """Lines that name package, version, advisories and the versions that mend it."""
    problem: str = ""
    """Why there is no answer at all."""

    @property
    def whole(self) -> bool:
        """Whether every package was audited."""
        return not self.problem and bool(self.audited) and not self.unknown


def read(answer: str) -> Finding:
    """The finding in pip-audit's JSON. Raises ValueError where it is none."""
    audited, unknown, vulnerable = set(), set(), []
    try:
        for package in json.loads(answer)["dependencies"]:
            name = package["name"]
            if "skip_reason" in package:
                unknown.add(name)
                continue
            audited.add(name)
            for each in package["vulns"]:
                mended = ", ".join(each["fix_versions"]) or "none yet"
                vulnerable.append(f"{name} {package['version']}: {each['id']} (mended in: {mended})")
    except (KeyError, TypeError) as error:
        raise ValueError(f"pip-audit answered in another form: {error!r}") from error
    return Finding(frozenset(audited), frozenset(unknown), tuple(vulnerable))


def ask(lock: str, service: str) -> Finding:
    """What ``service`` knows of the packages of ``lock``."""
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip",
        "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        return read(done.stdout)
    except subprocess.TimeoutExpired:
        problem = "no answer in time"
    except ValueError:  # no JSON: it ended with an error, whose last line says which
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        problem = lines[-1][:200] if lines else f"pip-audit ended with {done.returncode}"
    return Finding(frozenset(), frozenset(), (), problem)


def best(lock: str) -> Finding:
    """The finding of the first service that knows every package, else of the one that knows most."""
    found: list[Finding] = []
    for service in SERVICES:
        found.append(ask(lock, service))
        if found[-1].whole or found[-1].vulnerable:
            return found[-1]
    return max(found, key=lambda each: len(each.audited))


def told(lock: str, finding: Finding, *, required: bool) -> tuple[bool, list[str]]:
    """Whether the lock passes, and what to say."""
    lines = [f"{lock}: {len(finding.audited)} packages audited, {len(finding.vulnerable)} advisories"]
    lines += [f"  VULNERABLE {each}" for each in finding.vulnerable]
    if not finding.audited:
        why = finding.problem or "it knows none of the packages"
        lines = [f"{lock}: NOT AUDITED: no advisory service answers ({why})"]
    elif finding.unknown:
        lines.append(f"  NOT AUDITED, unknown to the service: {', '.join(sorted(finding.unknown))}")
    if not finding.whole and not required:
        lines.append("  (a warning only; GRAPH_CRM_REQUIRE_AUDIT=1 makes it a failure)")
    return not finding.vulnerable and (finding.whole or not required), lines


def main(locks: Sequence[str]) -> int:
    """Audit the locks; gives the exit status."""
    required = os.environ.get("GRAPH_CRM_REQUIRE_AUDIT") == "1"
    passed = bool(locks)
    for lock in locks:
        good, lines = told(lock, best(lock), required=required)
        passed = passed and good
        print("\n".join(lines), flush=True)  # noqa: T201 - what a command says
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
