"""Phones, e-mail addresses and devices in the one form in which they are stored, compared and shared.

Two customers who give the same phone share one node: its key is built from the normalised value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from graph_crm.parties.checks import refuse
from graph_crm.parties.kinds import ContactPointKind

VALUE_LIMIT = 320
"""Characters of a contact point as typed: an e-mail address has at most 254."""
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_\-.]{15,319}")


@dataclass(frozen=True)
class ContactValue:
    """A normalised contact point: an E.164 phone (`+420602123456`) a lower-case e-mail address, or a device."""

    kind: ContactPointKind
    value: str

    @property
    def key(self) -> str:
        """The unique key of the node, for example `PHONE:+420602123456`."""
        return f"{self.kind}:{self.value}"


def phone(value: str, region: str | None, field: str = "value") -> ContactValue:
    """A phone as people write it, in E.164; ``region`` (ISO alpha-2) says where a national number belongs.

    Raises `InvalidInput` where the number can't exist; no call is made to find out.
    """
    typed = value.strip()
    if typed.startswith("00"):
        typed = "+" + typed[2:]
    hint = "Send an international number such as +420 602 123 456"
    hint += "." if region else ", or the party's country so that a national number can be understood."
    if len(value) > VALUE_LIMIT:
        raise refuse(field, "is too long for a phone number", hint)
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        raise refuse(field, "is no phone number", hint) from None
    if not phonenumbers.is_valid_number(number):
        raise refuse(field, "is a phone number that no country has", hint)
    return ContactValue(ContactPointKind.PHONE, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def email(value: str, field: str = "value") -> ContactValue:
    """An e-mail address in lower case with its domain in Unicode; the form is checked, the DNS is not asked."""
    hint = "Send an address such as jan.novak@example.com."
    if len(value) > VALUE_LIMIT:
        raise refuse(field, "is too long for an e-mail address", hint)
    try:
        checked = validate_email(value.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise refuse(field, "is no e-mail address", hint) from None
    return ContactValue(ContactPointKind.EMAIL, checked.normalized.lower())


def device(value: str, field: str = "value") -> ContactValue:
    """The token by which the push service knows the app on one device; its letters' case matters."""
    if len(value) > VALUE_LIMIT or not _TOKEN.fullmatch(value.strip()):
        raise refuse(
            field,
            "is no token of a device",
            "Send the token that the push service gave to the app: 16 to 320 letters, digits and : _ - .",
        )
    return ContactValue(ContactPointKind.PUSH, value.strip())


def contact_value(kind: ContactPointKind, value: str, region: str | None, field: str = "value") -> ContactValue:
    """The normalised contact point of any kind."""
    if kind is ContactPointKind.PHONE:
        return phone(value, region, field)
    return email(value, field) if kind is ContactPointKind.EMAIL else device(value, field)
