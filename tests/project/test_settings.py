"""Settings: where a value comes from, what is refused, and that every one is documented."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from graph_crm.errors import ConfigurationError
from graph_crm.settings import Settings, describe, load, unknown_names, variable_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine that runs the tests, and an empty working folder."""
    for name in list(os.environ):
        if name.startswith(("GRAPH_CRM_", "NEO4J_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def origin(name: str) -> str:
    return next(setting.origin for setting in describe() if setting.name == name)


def test_the_environment_wins_over_the_dotenv_file_which_wins_over_the_toml_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "graph-crm.toml").write_text('port = 1111\nhost = "127.0.0.2"\nlog_level = "error"\n')
    (tmp_path / ".env").write_text("GRAPH_CRM_PORT=2222\nGRAPH_CRM_HOST=127.0.0.3\n")
    monkeypatch.setenv("GRAPH_CRM_PORT", "3333")

    settings = load()

    assert (settings.port, settings.host, settings.log_level) == (3333, "127.0.0.3", "error")
    assert origin("port") == "environment GRAPH_CRM_PORT"
    assert origin("host") == "file .env"
    assert origin("log_level") == "file graph-crm.toml"
    assert origin("token_hours") == "default"


def test_an_option_of_the_command_wins_over_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_CRM_PORT", "3333")
    assert load(port=4444).port == 4444
    assert load(port=None).port == 3333


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_neo4j_is_named_by_the_names_that_other_tools_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    values = {
        "NEO4J_URI": "neo4j://graph.bank:7687",
        "NEO4J_USERNAME": "crm",
        "NEO4J_PASSWORD": "s",
        "NEO4J_DATABASE": "d",
    }
    if place == "environment":
        for name, value in values.items():
            monkeypatch.setenv(name, value)
    else:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    settings = load()

    assert not settings.embedded
    assert (settings.neo4j_uri, settings.neo4j_username, settings.neo4j_database) == (
        "neo4j://graph.bank:7687",
        "crm",
        "d",
    )
    assert origin("neo4j_uri") == ("environment NEO4J_URI" if place == "environment" else "file .env")


def test_the_prefixed_name_wins_over_the_bare_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_USERNAME", "bare")
    monkeypatch.setenv("GRAPH_CRM_NEO4J_USERNAME", "prefixed")
    assert load().neo4j_username == "prefixed"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("GRAPH_CRM_PORT", "70000", "less than or equal to 65535"),
        ("GRAPH_CRM_NEO4J_URI", "http://graph", "neo4j://"),
        ("GRAPH_CRM_JWT_SECRET", "short", "shorter than 32"),
        ("GRAPH_CRM_LOG_FORMAT", "xml", "'console' or 'json'"),
        ("GRAPH_CRM_PORT", "x", "must be a whole number"),
        ("GRAPH_CRM_DEMO", "perhaps", "must be true or false"),
        ("GRAPH_CRM_RULE_MODES", "off", 'is not JSON, for example {"student_card": "shadow"}'),
        ("GRAPH_CRM_RULE_MODES", '["off"]', 'must be a JSON object, for example {"student_card": "shadow"}'),
        ("GRAPH_CRM_RULE_MODES", '{"card": "maybe"}', "card: must be 'off', 'shadow' or 'on'"),
        ("GRAPH_CRM_PAGE_DEFAULT", "101", "above GRAPH_CRM_PAGE_LIMIT (100)"),
        ("GRAPH_CRM_NEO4J_URI", "bolt://graph", "NEO4J_URI is set, NEO4J_PASSWORD is not"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as refused:
        load()
    assert refused.value.hint


def test_a_refusal_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_CRM_JWT_SECRET", "hunter2")
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert "hunter2" not in str(refused.value)
    assert "GRAPH_CRM_JWT_SECRET" in str(refused.value)


def test_a_named_file_that_is_not_there_is_an_error_and_not_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_CRM_CONFIG", "nowhere.toml")
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        load()


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "graph-crm.toml").write_text("port: 1")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        load()


def test_rule_modes_of_the_file_env_that_are_no_json_are_told_with_the_place(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRAPH_CRM_RULE_MODES=off\n")
    with pytest.raises(ConfigurationError, match=re.escape("GRAPH_CRM_RULE_MODES (file .env) is not JSON")) as refused:
        load()
    assert refused.value.hint


@pytest.mark.parametrize("name", [".env", "graph-crm.toml"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"port = \xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load()


def test_a_look_for_mistyped_names_passes_over_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "graph-crm.toml").write_text("port: 1")
    assert unknown_names({}) == []


def test_a_plugin_folder_must_be_there_when_rules_are_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPH_CRM_PLUGINS_DIR", str(tmp_path / "rules"))
    settings = load()  # `rules new` makes it
    with pytest.raises(ConfigurationError, match="GRAPH_CRM_PLUGINS_DIR") as refused:
        _ = settings.plugin_folders
    assert refused.value.hint
    (tmp_path / "rules").mkdir()
    assert settings.plugin_folders[1:] == [tmp_path / "rules"]


def test_a_mistyped_name_is_found_with_what_was_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "graph-crm.toml").write_text("prot = 1\n")
    monkeypatch.setenv("GRAPH_CRM_HOTS", "x")
    assert unknown_names() == [
        "environment variable GRAPH_CRM_HOTS is no setting; did you mean GRAPH_CRM_HOST?",
        "graph-crm.toml: prot is no setting; did you mean port?",
    ]


def test_secrets_are_masked_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_CRM_JWT_SECRET", "x" * 40)
    monkeypatch.setenv("NEO4J_PASSWORD", "hidden-password")
    shown = {setting.name: setting.value for setting in describe()}
    assert shown["jwt_secret"] == shown["neo4j_password"] == "********"
    assert "hidden-password" not in repr(load())


def test_every_setting_says_what_it_means_and_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(GRAPH_CRM_[A-Z0-9_]+)` \|", page, flags=re.MULTILINE))
    assert documented == {variable_of(name) for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"
        assert field.description in page, f"docs/settings.md describes {variable_of(name)} in other words"
