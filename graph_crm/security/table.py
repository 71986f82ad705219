"""The matrix as people read it: tables in Markdown, for the documentation."""

from __future__ import annotations

from graph_crm.security.matrix import Cell, Matrix
from graph_crm.security.roles import Role

_SIGNS = {Cell.SEE: "✓", Cell.MASK: "mask", Cell.HIDE: "no"}


def cells(rules: Matrix) -> str:
    """Which role sees which class of data."""
    roles = list(Role)
    lines = [
        f"| class | {' | '.join(f'`{role}`' for role in roles)} | what it is |",
        f"|---|{':-:|' * len(roles)}---|",
    ]
    for name, row in rules.cells.items():
        lines.append(f"| `{name}` | {' | '.join(_SIGNS[row[role]] for role in roles)} | {rules.meaning[name]} |")
    return "\n".join(lines)


def rows(rules: Matrix) -> str:
    """Which customers each role sees."""
    lines = ["| role | customers |", "|---|---|"]
    lines += [f"| `{role}` | `{rules.rows[role]}` |" for role in Role]
    return "\n".join(lines)


def fields(rules: Matrix) -> str:
    """The class of each field, type by type."""
    lines = ["| type | class | fields |", "|---|---|---|"]
    for type_name, classes in sorted(rules.classes.items()):
        for name in rules.cells:
            named = [f"`{field}`" for field, found in classes.items() if found == name]
            if named:
                lines.append(f"| `{type_name}` | `{name}` | {', '.join(named)} |")
    return "\n".join(lines)
