"""The page of operations says of each role what its permissions are."""

from __future__ import annotations

import re
from pathlib import Path

from graph_crm.security.roles import Permission, Role, permissions

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_table_of_permissions_is_the_one_that_is_in_force() -> None:
    section = PAGE.read_text("utf-8").partition("\n## Roles\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]*) \|$", section, flags=re.MULTILINE)
    documented = {permission: set(re.findall(r"`([a-z_]+)`", roles)) for permission, roles in rows}
    assert documented == {
        permission.value: {role.value for role in Role if permission in permissions(role)} for permission in Permission
    }
