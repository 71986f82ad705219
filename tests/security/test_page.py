"""The page of permissions shows the matrix that is in force.

After a change of the matrix: ``GRAPH_CRM_UPDATE_SNAPSHOTS=1 pytest tests/security/test_page.py``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from graph_crm.security import table
from graph_crm.security.matrix import matrix

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"


def test_the_tables_of_the_page_are_those_of_the_file() -> None:
    page = PAGE.read_text("utf-8")
    made = page
    for name, text in (
        ("cells", table.cells(matrix())),
        ("rows", table.rows(matrix())),
        ("fields", table.fields(matrix())),
    ):
        between = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)
        assert between.search(made), name
        made = between.sub(f"<!-- {name} -->\n{text}\n<!-- /{name} -->", made)
    if os.environ.get("GRAPH_CRM_UPDATE_SNAPSHOTS") == "1":
        PAGE.write_text(made, "utf-8")
        return
    assert page == made
