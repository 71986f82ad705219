"""An audit without any entry is not called whole: it may well be the wrong database."""

from __future__ import annotations

import pytest
import typer

from graph_crm.audit.verifying import Verdict
from graph_crm.cli import audit as commands


def test_an_audit_without_entries_is_no_good_news(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def nothing(_anchors: object) -> Verdict:
        return Verdict()

    monkeypatch.setattr(commands, "_verify", nothing)
    with pytest.raises(typer.Exit) as ended:
        commands.verify(anchors=None, as_json=False)
    assert ended.value.exit_code == 1
    told = capsys.readouterr()
    assert "There is no entry" in told.out
    assert "Whole" not in told.out + told.err
