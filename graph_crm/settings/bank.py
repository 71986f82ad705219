"""Settings of how the bank deals with customers: its own rules in files, decisions, offers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from graph_crm.settings.measures import Share


class BankSettings(BaseModel):
    """What the bank settled: files of its own, and how it decides."""

    service_desk: Path | None = Field(
        default=None, description="Your own service desk, a TOML file; unset: the shipped one is in force."
    )
    complaint_rules: Path | None = Field(
        default=None, description="Your own rules of complaints, a TOML file; unset: the shipped ones are in force."
    )
    contact_policy: Path | None = Field(
        default=None, description="Your own contact policy, a TOML file; unset: the shipped one is in force."
    )
    event_retention: Path | None = Field(
        default=None, description="Your own event retention, a TOML file; unset: the shipped one is in force."
    )
    privacy_rules: Path | None = Field(
        default=None, description="Your own rules of privacy, a TOML file; unset: the shipped ones are in force."
    )
    session_minutes: dict[Literal["ONLINE", "ATM", "BRANCH", "CALL"], Annotated[int, Field(ge=1, le=1440)]] = Field(
        default_factory=dict,
        description='Minutes of silence that end a session, as JSON: {"ONLINE": 15} (ATM 5, BRANCH 120, CALL 60).',
    )
    texts_dir: Path | None = Field(
        default=None, description="A folder of your own texts (LANGUAGE.ftl), which win over the shipped ones."
    )

    interest_half_life_days: int = Field(
        default=30, ge=1, le=3650, description="Days after which half of a look at a product is left in its score."
    )

    exploration: Share = Field(
        default=0.05,
        description="Share of the decisions, 0 to 1, that try out what is not yet known well instead of the best.",
    )
    control_share: Share = Field(
        default=0.0, description="Share of the households, 0 to 1, that nothing is promoted to, to measure by."
    )
    control_salt: str = Field(
        default="graph-crm", min_length=1, description="What the control group is drawn with; another draws a new one."
    )
    levers: dict[str, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='What priorities are multiplied by, as JSON: {"PRODUCT": 1.5, "family:FAMILY": 0.5}.',
    )

    reservation_hours: float = Field(
        default=72.0, gt=0, le=168, description="Hours for which a contact is held for whoever is to make it."
    )
    offer_days: int = Field(
        default=30, ge=1, le=365, description="Days for which an offer can be made to the customer."
    )
    scan_hours: float = Field(
        default=24.0, gt=0, le=8760, description="Hours between two scans of the rules that wait for no event."
    )
