"""The lock says which jars, with which contents; never from where."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.errors import EngineError
from graph_crm.graph.engine.config import CURRENT_VERSION, LTS_VERSION
from graph_crm.graph.engine.lock import Artifact, format_lock, locked_versions, of_folder, parse_lock, read_lock

LOCKS = Path(__file__).parents[2] / "graph_crm" / "graph" / "engine" / "locks"
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=12)
artifacts = st.builds(
    Artifact,
    group=words,
    name=words,
    version=words,
    classifier=st.none() | words,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    size=st.integers(0, 10**9),
)


@given(st.lists(artifacts, min_size=1, max_size=5, unique_by=lambda artifact: artifact.filename))
def test_a_written_lock_reads_back_as_it_was(several: list[Artifact]):
    assert sorted(parse_lock(format_lock("1.0", several)), key=str) == sorted(several, key=str)


def test_this_release_has_a_lock_for_the_current_and_the_long_term_version():
    assert set(locked_versions()) == {CURRENT_VERSION, LTS_VERSION}


@pytest.mark.parametrize("version", [CURRENT_VERSION, LTS_VERSION])
def test_a_committed_lock_is_complete_normalised_and_names_no_address(version: str):
    text = (LOCKS / f"neo4j-{version}.lock").read_text()
    assert "://" not in text
    assert text == format_lock(version, read_lock(version))
    coordinates = {artifact.coordinate for artifact in read_lock(version)}
    assert {f"org.neo4j:neo4j:{version}", f"org.neo4j.app:neo4j-server:{version}"} <= coordinates


@pytest.mark.parametrize(
    "line", ["org.neo4j:neo4j 00 1", "a:b:c " + "0" * 64, "a:b:c " + "g" * 64 + " 1", "../a:b:c " + "0" * 64 + " 1"]
)
def test_a_line_that_is_no_artifact_is_refused(line: str):
    with pytest.raises(ValueError, match="not a line of a lock"):
        parse_lock(line)


def test_an_unknown_version_is_refused_with_those_that_are_known():
    with pytest.raises(EngineError) as error:
        read_lock("4.4.0")
    assert CURRENT_VERSION in str(error.value.hint)


def test_a_lock_can_be_made_from_a_folder_in_the_maven_layout(tmp_path: Path):
    place = tmp_path / "org" / "example" / "tool" / "1.2"
    place.mkdir(parents=True)
    (place / "tool-1.2.jar").write_bytes(b"x")
    (place / "tool-1.2-linux.jar").write_bytes(b"y")
    assert {artifact.coordinate for artifact in of_folder(tmp_path)} == {
        "org.example:tool:1.2",
        "org.example:tool:linux:1.2",
    }
