"""Kinds of ties between parties and what each side is in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TieKind:
    """A kind of tie: its relationship type, and the roles of the party it starts at and of the one it ends at."""

    name: str
    start_role: str
    end_role: str

    @property
    def symmetric(self) -> bool:
        """Whether both sides are the same in it, as spouses are."""
        return self.start_role == self.end_role


TIE_KINDS = (
    TieKind("SPOUSE_OF", "spouse", "spouse"),
    TieKind("PARENT_OF", "parent", "child"),
    TieKind("GUARANTEES", "guarantor", "guaranteed"),
    TieKind("OWNS", "owner", "owned"),
    TieKind("DIRECTS", "director", "directed"),
    TieKind("EMPLOYS", "employer", "employee"),
    TieKind("REFERRED", "referrer", "referred"),
)

PARTY_TIES = tuple(kind.name for kind in TIE_KINDS)
START_ROLES = {kind.name: kind.start_role for kind in TIE_KINDS}
END_ROLES = {kind.name: kind.end_role for kind in TIE_KINDS}
