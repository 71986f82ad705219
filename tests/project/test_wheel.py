"""The wheel: installed away from the checkout it is the same command, with plugins, schema and seed in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel and what the lock names, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    run(*install, "--require-hashes", "--requirement", ROOT / "requirements.lock", cwd=folder)
    run(*install, "--no-deps", wheel, cwd=folder)
    return python.parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No variable that could lead back to the checkout."""
    left_out = ("GRAPH_CRM_", "NEO4J_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "HOME": str(tmp_path), "GRAPH_CRM_DATA_DIR": str(tmp_path / "data")}


def test_plugins_schema_seed_and_licence_travel_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "graph_crm/_packaged/plugins/lifecycle_cross_sell.py",
        "graph_crm/_packaged/schema/schema.graphql",
        "graph_crm/_packaged/schema/migrations/0001_foundation.cypher",
        "graph_crm/_packaged/seed/catalogue.toml",
        "graph_crm/locale/pl.ftl",
        "graph_crm/py.typed",
    } <= names
    assert any(name.endswith("/LICENSE") for name in names)
    assert any(name.endswith("/NOTICE") for name in names)
    assert not [name for name in names if name.endswith((".jar", ".asc", ".csv")) or "/tests/" in name]


def test_the_installed_command_works_away_from_the_checkout(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = installed / "graph-crm"
    assert "rules" in run(command, "--help", cwd=tmp_path, env=environment)
    listed = json.loads(run(command, "rules", "list", "--json", cwd=tmp_path, env=environment))
    assert {rule["rule"] for rule in listed["rules"]} >= {"loan_to_credit_card", "atm_balance_loan"}
    assert listed["problems"] == []
    assert str(ROOT) not in json.dumps(listed)
    run(command, "schema", "check", cwd=tmp_path, env=environment)
    run(command, "rules", "check", cwd=tmp_path, env=environment)
    run(command, "doctor", cwd=tmp_path, env=environment)


def test_the_installed_command_keeps_its_data_in_the_users_folder(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment["GRAPH_CRM_DATA_DIR"]
    shown = run(installed / "graph-crm", "settings", "--json", cwd=tmp_path, env=environment)
    data = next(setting["value"] for setting in json.loads(shown) if setting["name"] == "data_dir")
    assert data.startswith(str(tmp_path))
