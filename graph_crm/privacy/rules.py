"""The bank's rules of privacy: how long what is kept, and what has to be over before a party may be erased."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import ConfigurationError
from graph_crm.privacy.inventory import inventory
from graph_crm.resources import folder
from graph_crm.rules.limits import ContactLimit
from graph_crm.settings import plainly
from graph_crm.settings.files import read_toml

FILE = "privacy.toml"
LONGEST_DAYS = 36_500
INTERACTION = "Interaction"
_HINT = "docs/privacy.md explains the file, seed/privacy.toml is a complete one."

Days = Annotated[int, Field(ge=1, le=LONGEST_DAYS)]
NoDays = Annotated[int, Field(ge=0, le=LONGEST_DAYS)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ErasureRules(_Table):
    """What has to be over before a party may be erased."""

    after_agreement_days: NoDays
    """So long after the last agreement was closed the law demands to know who held it."""
    after_complaint_days: NoDays
    """So long after the last complaint was closed."""
    look_again_days: Days
    """So long after an erasure it is looked whether something about the party came in late."""


class ExportRules(_Table):
    """The copies that parties get."""

    keep_hours: Annotated[int, Field(ge=1, le=24 * 90)]
    """So long a copy can be fetched."""
    link_minutes: Annotated[int, Field(ge=1, le=24 * 60)]
    """So long a link to it is good."""


class PrivacyRules(_Table):
    """All of it. Build it with `load`."""

    erasure: ErasureRules
    export: ExportRules
    former_customers_days: Days | None = None
    """So long after the bank stopped dealing with a party it is erased; None: never by itself."""
    keep: dict[str, Days] = Field(default_factory=dict)
    """By label, so many days its records keep what tells whose they are (or are kept at all)."""

    @classmethod
    def load(cls, path: Path | None = None) -> PrivacyRules:
        """The rules in the file ``path``; not given: the shipped ones, `seed/privacy.toml`.

        Raises ConfigurationError that names the place and what to write.
        """
        file = path or folder("seed") / FILE
        unread = "Correct GRAPH_CRM_PRIVACY_RULES, or unset it for the shipped rules."
        content = read_toml(file, "The privacy rules", unread=unread, hint=_HINT)
        try:
            found = cls.model_validate(content)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or 'the file'}: {plainly(one['msg'])}"
                for one in error.errors(include_url=False)
            )
            raise ConfigurationError(f"The privacy rules {file}: {told}.", hint=_HINT) from None
        known = {label for label, node in inventory().nodes.items() if node.age}
        unknown = sorted(found.keep.keys() - known)
        if unknown:
            raise ConfigurationError(
                f"The privacy rules {file}: keep.{unknown[0]}: is nothing that has an age.",
                hint=f"Name some of {', '.join(sorted(known))}.",
            )
        return found

    def require(self, contacts: ContactPolicy) -> None:
        """Raise ConfigurationError where it would be forgotten at which contact point a limit's contacts were."""
        longest = max((one for one in contacts.limits if one.scope == "contact_point"), key=_days, default=None)
        kept = self.keep.get(INTERACTION)
        if longest is not None and kept is not None and kept < longest.days:
            raise ConfigurationError(
                f"The privacy rules: keep.{INTERACTION} is {kept} days, and the limit {longest.name} of the contact "
                f"policy counts those of {longest.days:g} days at a contact point.",
                hint="Keep them longer, or shorten the limit.",
            )


def _days(limit: ContactLimit) -> float:
    return limit.days
