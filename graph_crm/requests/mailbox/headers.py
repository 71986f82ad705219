"""Headers of mails, read so that no broken one stops the mail: what can't be read is as if it were not there."""

from __future__ import annotations

import email.errors
import re
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses

from graph_crm.errors import InvalidInput
from graph_crm.parties.contact_points import email as mail_address
from graph_crm.requests.mailbox.wording import decoded

BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
    email.errors.MessageError,
)
"""What Python's email package raises for mails that break the rules in ways that nobody thought of."""
HEADER_LIMIT = 32_000
"""Characters of one header, folded lines together, that are looked at."""
_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,200}>")
_MOST_IDENTIFIERS = 100
_FOLD = re.compile(r"\r?\n[ \t]*")


def header(mail: Message, name: str) -> str:
    """The header decoded to text; empty where it is absent.

    Letters that are not ASCII and not encoded, as many senders write them, are read as what they look like.
    """
    for key, value in mail.raw_items():
        if key.lower() == name:
            return _decoded(str(value)[:HEADER_LIMIT])
    return ""


def _decoded(value: str) -> str:
    text = _FOLD.sub(" ", value)
    if not text.isascii():
        text = decoded(text.encode("utf-8", "surrogateescape"), None)
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
    except BROKEN:
        return text
    return "".join(one if isinstance(one, str) else decoded(one, charset) for one, charset in parts)


def identifiers(value: str) -> tuple[str, ...]:
    """The message identifiers in a header such as References, each with its angle brackets, in order."""
    found = _MESSAGE_ID.findall(value[:HEADER_LIMIT])
    return tuple(dict.fromkeys(found))[-_MOST_IDENTIFIERS:]


def address(value: str) -> tuple[str | None, str]:
    """The first address in a header such as From, in the form in which contact points are stored, and its name.

    None for the address where there is none that could be answered.
    """
    try:
        pairs = getaddresses([value[:HEADER_LIMIT]])
    except BROKEN:
        return None, ""
    for name, found in pairs:
        if "@" not in found:
            continue
        try:
            return mail_address(found).value, name
        except InvalidInput:
            continue
    return None, pairs[0][0] if pairs else ""
