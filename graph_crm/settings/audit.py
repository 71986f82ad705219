"""Settings of the audit: the keys of its chains, and where their ends are kept outside of the database."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator

from graph_crm.settings.measures import SHORTEST_SECRET, Seconds


class AuditSettings(BaseModel):
    """What the audit is kept with."""

    audit_key: SecretStr | None = Field(
        default=None,
        description=f"Secret that the audit is chained with, {SHORTEST_SECRET} characters or more; the demo makes one.",
    )
    audit_old_keys: list[SecretStr] = Field(
        default_factory=list, description="Secrets that it was chained with before, the oldest first, as JSON."
    )
    audit_anchors: Path | None = Field(
        default=None,
        description="File that the ends of the chains are written to; unset: audit/anchors.jsonl in data_dir.",
    )
    audit_anchor_seconds: Seconds = Field(
        default=60.0,
        description="Seconds between two anchors: what was added since the last one can be cut off unseen.",
    )

    @field_validator("audit_key")
    @classmethod
    def _long_audit_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"is shorter than {SHORTEST_SECRET} characters")
        return secret

    @field_validator("audit_anchors")
    @classmethod
    def _absolute_anchors(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path is not None else None
