"""The password of a new store: whatever characters chance has put into it."""

from __future__ import annotations

import pytest

from graph_crm.graph.engine import Engine, EngineConfig, launch

pytestmark = pytest.mark.lts


def test_a_password_that_begins_like_an_option_is_a_password(config: EngineConfig) -> None:
    engine = Engine(config)
    kept = engine.home.home / "data" / "dbms" / "auth.ini"
    kept.unlink(missing_ok=True)
    launch.set_password(engine.program, engine.home, "-verbose-is-no-option-here")
    assert kept.read_text("utf-8").startswith("neo4j:")
