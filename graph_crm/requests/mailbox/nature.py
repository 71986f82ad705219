"""Who wrote a mail: a person, a machine, or a mail server that could not deliver (RFC 3834, RFC 3464).

What a machine wrote is never answered by a machine: two of them would go on for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from enum import StrEnum

from graph_crm.delivery.status_codes import WRONG_ADDRESS
from graph_crm.requests.mailbox.headers import header, identifiers
from graph_crm.requests.mailbox.wording import decoded, one_line

DIAGNOSTIC_LIMIT = 500
_BULK = frozenset({"bulk", "junk", "list"})
_ROBOTS = ("x-autoreply", "x-autorespond", "x-autoresponder")
_LISTS = ("list-id", "list-unsubscribe", "list-post")
_DAEMONS = ("mailer-daemon@", "postmaster@", "mailer-daemon")


class Nature(StrEnum):
    """Who wrote a mail."""

    PERSON = "PERSON"
    AUTO_REPLY = "AUTO_REPLY"
    BULK = "BULK"
    BOUNCE = "BOUNCE"


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says about a mail of ours that it could not deliver."""

    message_id: str
    """The Message-ID of our mail, with its angle brackets."""
    permanent: bool
    """Whether the address is wrong for good; False: it is late, the box is full, or this one mail was not wanted."""
    failed: bool
    """Whether this one mail did not arrive and will not; False: the server still tries."""
    diagnostic: str


def nature(mail: Message, *, null_sender: bool) -> Nature:
    """Who wrote ``mail``; ``null_sender``: it was sent with MAIL FROM:<>, as only machines do."""
    if mail.get_content_type() == "multipart/report":
        kind = str(mail.get_param("report-type") or "").lower()
        return Nature.BOUNCE if kind == "delivery-status" else Nature.AUTO_REPLY
    said = header(mail, "auto-submitted").split(";")[0].strip().lower()
    precedence = header(mail, "precedence").strip().lower()
    null_sender = null_sender or header(mail, "return-path").strip() == "<>"
    if null_sender and header(mail, "from").lower().find("mailer-daemon") >= 0:
        return Nature.BOUNCE
    if said not in {"", "no"} or precedence == "auto_reply" or null_sender or any(header(mail, one) for one in _ROBOTS):
        return Nature.AUTO_REPLY
    if precedence in _BULK or any(header(mail, one) for one in _LISTS):
        return Nature.BULK
    return Nature.PERSON


def bounce(mail: Message) -> Bounce | None:
    """What a delivery status notification says; None where it does not tell which mail it is about, or all is well."""
    fields: list[Message] = []
    original = ""
    for part in mail.walk():
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind == "message/delivery-status" and isinstance(payload, list):
            fields += [one for one in payload if isinstance(one, Message)]
        elif kind == "message/rfc822" and isinstance(payload, list) and payload and isinstance(payload[0], Message):
            original = original or _first(header(payload[0], "message-id"))
        elif kind in {"text/rfc822-headers", "message/rfc822-headers"}:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                original = original or _first(header(message_from_string(decoded(content, None)), "message-id"))
    failed = [one for one in fields if header(one, "action").strip().lower() in {"failed", "delayed"}]
    if not original or not failed:
        return None
    given_up = [one for one in failed if header(one, "action").strip().lower() == "failed"]
    permanent = any(_status(one) in WRONG_ADDRESS for one in given_up)
    told = header(failed[0], "diagnostic-code") or header(failed[0], "status") or "no diagnostic"
    return Bounce(original, permanent, bool(given_up), one_line(told, DIAGNOSTIC_LIMIT))


def _status(fields: Message) -> str:
    """The enhanced status code; a comment may follow it."""
    return next(iter(header(fields, "status").split()), "")


def _first(value: str) -> str:
    found = identifiers(value)
    return found[0] if found else ""
