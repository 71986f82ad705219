"""What docs/merging.md shows, in its order, on the two records that its example names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from merging_bank import Two

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.cli.parties import require_unmerged
from graph_crm.merging.comparing import GROUPS
from graph_crm.merging.likeness import POINTS
from graph_crm.merging.service import MergeService
from graph_crm.parties.merged import PartyMerged
from graph_crm.security.roles import Caller, Role

PAGE = (Path(__file__).parents[2] / "docs" / "merging.md").read_text("utf-8")


@pytest.mark.lts
async def test_the_example_of_the_page_runs_from_the_candidate_to_the_separation(two: Two):
    services = {MergeService: two.merges}
    executor = Executor(
        platform_schema(), two.database, lambda kind: services[kind] if kind in services else kind(two.database)
    )

    async def ask(text: str, variables: dict[str, Any]) -> Any:
        answer = await executor.execute(Request(text, Caller("jana", Role.ADMINISTRATOR), variables))
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    candidates, preview = re.findall(r"```gql\n(.*?)```", PAGE, re.DOTALL)
    merge, separate = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    whom, both, given, undo = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    (found,) = await ask(candidates, whom)
    assert (found["partyId"], found["score"]) == ("ana", 0.85)
    shown = await ask(preview, both)
    assert [one["field"] for one in shown["conflicts"]] == ["name"]
    done = await ask(merge, given)
    assert (done["state"], done["keptId"]) == ("DONE", "anna")
    await require_unmerged(two.database, "anna")
    with pytest.raises(PartyMerged) as led:  # by commands, too
        await require_unmerged(two.database, "ana")
    assert led.value.details["keptId"] == "anna"
    merges = await ask('{ party(id: "anna") { mergedFrom { nodes { id by } } changes { nodes { fields } } } }', {})
    assert merges["mergedFrom"]["nodes"] == [{"id": done["id"], "by": "jana"}]
    assert "mergedFrom" in merges["changes"]["nodes"][0]["fields"]
    undo["input"]["mergeId"] = done["id"]
    back = await ask(separate, undo)
    assert back == {"state": "UNDONE", "stayed": []}


def test_the_page_names_every_conflict_and_every_number_of_points():
    assert not [name for name in GROUPS if f"`{name}`" not in PAGE]
    assert not [points for points in POINTS.values() if f"{points:.2f}" not in PAGE]
