"""What must not be in the repository and what must be: no addresses of registries, a hash for every package."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry() -> None:
    hosts = re.compile(
        r"(?:pypi|maven|npmjs|crates|sonatype|pythonhosted)\.(?:org|com|io|dev)|files\.python|repo1?\.", re.IGNORECASE
    )
    found = []
    for file in tracked():
        if file.suffix in {".png", ".ico"} or file == Path(__file__):
            continue
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if "://" in line and hosts.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}")
    assert found == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_its_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE | re.IGNORECASE)[1:]
    assert len(packages) > 40
    for package in packages:
        assert re.match(r"[\w.-]+==[\w.]+", package), package
        assert "--hash=sha256:" in package, package


def test_the_lock_holds_every_dependency_and_the_developers_lock_the_same_versions() -> None:
    def versions(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE))

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[^\w.-]", one)[0].lower() for one in project["dependencies"]}
    running, developing = versions("requirements.lock"), versions("requirements-dev.lock")
    assert wanted <= set(running)
    assert running.items() <= developing.items()
    tools = {re.split(r"[^\w.-]", one)[0].lower() for one in project["optional-dependencies"]["dev"]}
    assert tools <= set(developing)


def test_the_image_runs_without_rights_and_says_how_it_is() -> None:
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER (?!root)", image, flags=re.MULTILINE)
    assert "HEALTHCHECK" in image
    assert "--require-hashes" in image
    assert "slim" in image


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / "README.md").read_text("utf-8")
    assert re.search(r"^exec make test\b", (ROOT / ".ci" / "run").read_text("utf-8"), flags=re.MULTILINE)
