"""The bank's policy how long raw events are kept, read from one file and never empty."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from graph_crm.contacts.policy import COLLECTIONS, ContactPolicy
from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.events.catalogue import EventCatalogue
from graph_crm.resources import folder
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.events import LONGEST_KEPT_DAYS
from graph_crm.settings.files import read_settled

FILE = "event_retention.toml"
_HINT = "docs/events.md explains the file, seed/event_retention.toml is a complete one."

Days = Annotated[int, Field(ge=1, le=LONGEST_KEPT_DAYS)]


class RetentionPolicy(BaseModel):
    """So many days raw events are kept, by type. Build it with `load`; `with_types` adds what plugins say."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    keep_days: Days
    """For every type that is not named."""
    types: dict[str, Days] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> RetentionPolicy:
        """The policy in the file ``path``; not given: the shipped one, `seed/event_retention.toml`.

        Raises ConfigurationError that names the place and what to write.
        """
        file = path or folder("seed") / FILE
        unread = "Correct GRAPH_CRM_EVENT_RETENTION, or unset it for the shipped policy."
        return read_settled(cls, file, "The event retention", hint=_HINT, unread=unread)

    def with_types(self, catalogue: EventCatalogue) -> RetentionPolicy:
        """The policy with what the types of plugins say of themselves; what the file says wins."""
        own = {one.name: one.keep_days for one in catalogue if one.keep_days is not None}
        return self.model_copy(update={"types": {**own, **self.types}})

    def require(self, contacts: ContactPolicy) -> None:
        """Raise ConfigurationError where events would go that the contact policy still looks at."""
        wanted = contacts.suppression.collections_memory
        if self.days(COLLECTIONS) < wanted:
            raise ConfigurationError(
                f"Raw events {COLLECTIONS} are kept for {self.days(COLLECTIONS)} days, and the contact policy goes by "
                f"those of the last {wanted:g}.",
                hint="Keep them longer in the event retention, or shorten the rest in the contact policy.",
            )

    def days(self, kind: str) -> int:
        """For so many days raw events of the type are kept."""
        return self.types.get(kind, self.keep_days)

    def first_kept(self, kind: str, now: dt.datetime) -> dt.datetime:
        """The first instant of which raw events of the type are kept at ``now``: the beginning of a day in UTC."""
        return _midnight(now) - dt.timedelta(days=self.days(kind))

    def untouched_since(self, now: dt.datetime) -> dt.datetime:
        """Nothing that happened since this instant is removed at ``now``, whatever its type."""
        return _midnight(now) - dt.timedelta(days=min([self.keep_days, *self.types.values()]))

    def check(self, kind: str, at: dt.datetime, now: dt.datetime) -> None:
        """Refuse an event that is older than its like is kept.

        It may have been recorded, counted and removed: recorded again it would count twice.
        """
        if at < self.first_kept(kind, now):
            raise too_old(kind, self.first_kept(kind, now).date())

    def unknown(self, catalogue: EventCatalogue) -> list[str]:
        """Types that the file names and nobody declares: a spelling mistake, or a plugin that is gone."""
        return sorted(name for name in self.types if name not in catalogue)

    def too_short_for(self, needs: Needs, now: dt.datetime) -> Mapping[str, str]:
        """By type, how far rules look back where events are not kept so long ("everything" without an end)."""
        return {
            kind: "everything" if within is None else str(within)
            for kind, within in sorted(needs.events.items())
            if within is None or within.before(now) < self.first_kept(kind, now)
        }

    def named(self) -> Collection[str]:
        """The types with days of their own."""
        return self.types.keys()


def too_old(kind: str, first_kept: dt.date) -> InvalidInput:
    """Why an event of ``kind`` from before ``first_kept`` is refused."""
    return InvalidInput(
        f"The event lies before {first_kept}: older ones of type {kind} are not kept",
        hint="Check the sender's date; graph-crm events retention shows how long each type is kept",
        field="at",
    )


def _midnight(now: dt.datetime) -> dt.datetime:
    return dt.datetime.combine(now.astimezone(dt.UTC).date(), dt.time.min, dt.UTC)
