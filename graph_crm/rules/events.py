"""What a plugin imports to declare types of events of its own.

from graph_crm.rules import EventType, Money, Payload, Text, hookimpl

class SafeOpened(Payload):
    safe: Text
    value: Money | None = None

@hookimpl
def event_types():
    return [EventType("safe_opened", SafeOpened, "The customer opened the safe.")]
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import pycountry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.errors import PydanticUserError

from graph_crm.errors import RuleError

LARGEST_AMOUNT = 10**13
"""The largest amount, in units of the currency."""
LONGEST_DESCRIPTION = 500
LONGEST_KEPT_DAYS = 36_600
_CENT = Decimal("0.01")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _amount(value: Any) -> str:
    """An amount such as 1250.5 as "1250.50"."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError('write an amount as "1250.50"') from error
    if isinstance(value, bool) or not amount.is_finite():
        raise ValueError('write an amount as "1250.50"')
    # The size first: arithmetic with a huge exponent overflows, or takes minutes.
    if not -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
        raise ValueError("the amount is too large")
    exact = amount.quantize(_CENT)
    if exact != amount:
        raise ValueError('write an amount with at most two decimals, "1250.50"')
    return format(exact + 0, "f")  # and no minus before a zero


def _currency(code: str) -> str:
    found = pycountry.currencies.get(alpha_3=code)
    if found is None or found.alpha_3 != code:
        raise ValueError("write a currency as an ISO 4217 code, for example CZK")
    return code


def _one_line(text: str) -> str:
    if not text.isprintable() and any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("the text holds a control character")
    return text


Money = Annotated[str, BeforeValidator(_amount)]
"""An amount in units of its currency; stored and shown as a decimal text with two decimals."""
Currency = Annotated[str, AfterValidator(_currency)]
"""An ISO 4217 code."""
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
"""One line of at most 200 characters."""
LongText = Annotated[str, Field(min_length=1, max_length=4000)]
"""A text of at most 4,000 characters."""


class Payload(BaseModel):
    """Base of all payloads: immutable, and nothing that the type does not name.

    Fields are written in snake_case and sent in camelCase.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False)


class Nothing(Payload):
    """The type says it all."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event: its name (lower_snake_case), what its payload holds, what it means.

    Raises RuleError for a name, a payload or a description that can't be used.
    """

    name: str
    payload: type[Payload]
    description: str
    keep_days: int | None = None
    """So many days raw events of the type are kept, unless the bank's retention policy says otherwise; None: as long
    as the policy keeps types that it does not name."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise RuleError(f"{str(self.name)[:80]!r} is no name of an event type.", hint="Use lower_snake_case.")
        if not isinstance(self.payload, type) or not issubclass(self.payload, Payload):
            raise RuleError(
                f"Event type {self.name}: payload must be a class that inherits from Payload, not {self.payload!r}."
            )
        if not isinstance(self.description, str) or not 0 < len(self.description.strip()) <= LONGEST_DESCRIPTION:
            raise RuleError(f"Event type {self.name}: say in 1 to {LONGEST_DESCRIPTION} characters what it means.")
        if self.keep_days is not None and (
            not isinstance(self.keep_days, int)
            or isinstance(self.keep_days, bool)
            or not 1 <= self.keep_days <= LONGEST_KEPT_DAYS
        ):
            raise RuleError(f"Event type {self.name}: keep_days must be a whole number from 1 to {LONGEST_KEPT_DAYS}.")
        if self.payload.model_config.get("extra") != "forbid":
            raise RuleError(
                f"Event type {self.name}: its payload must refuse what it does not name.",
                hint='Leave model_config as it is, or set extra="forbid".',
            )
        self.schema()

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the payload. Raises RuleError where the model has none."""
        try:
            return self.payload.model_json_schema(by_alias=True)
        except PydanticUserError as error:
            raise RuleError(
                f"Event type {self.name}: its payload has no JSON schema: {str(error).splitlines()[0]}"
            ) from error
