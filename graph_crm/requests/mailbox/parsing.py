"""A mail as it came, byte for byte, into what the service desk needs of it. Nothing that a sender writes is believed.

The work is bounded before it is begun: a mail of more parts, depth or headers than any person sends is not parsed at
all, because Python's parser takes time that grows with the square of such things.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import Message

from graph_crm.parties.checks import NOTE_LIMIT
from graph_crm.requests.attachments.service import MOST, Upload
from graph_crm.requests.mailbox.headers import BROKEN, HEADER_LIMIT, address, header, identifiers
from graph_crm.requests.mailbox.kinds import MailReason
from graph_crm.requests.mailbox.nature import Bounce, Nature, bounce, nature
from graph_crm.requests.mailbox.wording import decoded, from_html, one_line, plain

MOST_PARTS = 200
MOST_CONTAINERS = 100
"""Mentions of multipart and message types in the whole mail."""
MOST_BOUNDARIES = 5_000
"""Lines that could separate two parts: the parser makes an object of each part before anybody can count them."""
HEADERS_LIMIT = 256_000
"""Bytes of all headers of the mail."""
SUBJECT_LIMIT = 200
NAME_LIMIT = 200
CUT = "\n\n[…]"
"""Stands where the text of a mail was too long; the whole of it is attached."""
_CONTAINERS = re.compile(rb"(?i)\b(?:multipart|message)/[a-z]")
_BOUNDARIES = re.compile(rb"(?:^|[\r\n])--")
_HEADERS_END = re.compile(rb"\r?\n\r?\n|\r\r")
_POLICY = policy.compat32
# Headers are decoded by `headers.header`, one by one, so that a broken one is no broken mail; the newer policies parse
# them as they are met and raise in the middle.


class Unreadable(Exception):
    """Nothing can be made of a mail; ``reason`` says why."""

    def __init__(self, reason: MailReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """What a mail is known by, before anything else of it is read."""

    id: str
    """Its Message-ID with angle brackets; where it has none that can be used, ``digest:`` and the SHA-256 of it."""
    fingerprint: str
    """Tells apart two mails that bear the same Message-ID."""
    sender: str | None
    subject: str


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail as the service desk needs it."""

    sender: str | None
    """The address of the header From, normalised as contact points are."""
    sender_name: str
    subject: str
    text: str
    """The body as plain text, at most as long as a request's text."""
    references: tuple[str, ...]
    """Identifiers of the mails that it answers."""
    nature: Nature
    bounce: Bounce | None
    uploads: tuple[Upload, ...]
    left_out: int
    """Documents beyond those that one request takes; they are in the original only."""
    verdicts: tuple[str, ...]
    """The headers Authentication-Results, the outermost first."""


def identity(raw: bytes) -> Identity:
    """What ``raw`` is known by; works for everything, also for what is no mail at all."""
    match = _HEADERS_END.search(raw, 0, HEADERS_LIMIT)
    block = raw[: match.end()] if match else raw[:HEADERS_LIMIT]
    try:
        mail = message_from_bytes(block, policy=_POLICY)
        named = [header(mail, one) for one in ("from", "date", "subject", "message-id")]
    except BROKEN:
        named = ["", "", "", ""]
    found = identifiers(named[3])
    told = "\n".join(named).encode("utf-8", "surrogatepass")
    known = found[0] if found else "digest:" + hashlib.sha256(told + raw[len(block) :]).hexdigest()
    return Identity(
        known, hashlib.sha256(told).hexdigest()[:16], address(named[0])[0], one_line(named[2], SUBJECT_LIMIT)
    )


def parse(raw: bytes, *, null_sender: bool = False) -> ParsedMail:
    """Read a mail. ``null_sender``: it was handed over with MAIL FROM:<>.

    Raises Unreadable for one that breaks the bounds or that Python's parser can't take.
    """
    _check_bounds(raw)
    try:
        mail = message_from_bytes(raw, policy=_POLICY)
        parts = list(_leaves(mail))
        return _read(mail, parts, null_sender=null_sender)
    except BROKEN as error:
        raise Unreadable(MailReason.UNREADABLE) from error


def _check_bounds(raw: bytes) -> None:
    match = _HEADERS_END.search(raw)
    if (match.start() if match else len(raw)) > HEADERS_LIMIT:
        raise Unreadable(MailReason.TOO_COMPLEX)
    for bounded, most in ((_CONTAINERS, MOST_CONTAINERS), (_BOUNDARIES, MOST_BOUNDARIES)):
        for count, _ in enumerate(bounded.finditer(raw), start=1):
            if count > most:
                raise Unreadable(MailReason.TOO_COMPLEX)


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts that hold something, without going into mails that are attached."""
    waiting, seen = [mail], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            raise Unreadable(MailReason.TOO_COMPLEX)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, Message)]
        else:
            yield part


def _read(mail: Message, parts: list[Message], *, null_sender: bool) -> ParsedMail:
    sender, name = address(header(mail, "from") or header(mail, "sender"))
    wrote = nature(mail, null_sender=null_sender)
    body, whole, uploads = _contents(parts)
    text = plain(body)
    if len(text) > NOTE_LIMIT:
        text = text[: NOTE_LIMIT - len(CUT)].rstrip() + CUT
        uploads.insert(0, Upload("message.txt", whole))
    return ParsedMail(
        sender=sender,
        sender_name=one_line(name, NAME_LIMIT),
        subject=one_line(header(mail, "subject"), SUBJECT_LIMIT),
        text=text,
        references=tuple(
            dict.fromkeys(
                (*identifiers(header(mail, "in-reply-to")), *reversed(identifiers(header(mail, "references"))))
            )
        ),
        nature=wrote,
        bounce=bounce(mail) if wrote is Nature.BOUNCE else None,
        uploads=tuple(uploads[:MOST]),
        left_out=max(0, len(uploads) - MOST),
        verdicts=tuple(str(one)[:HEADER_LIMIT] for one in mail.get_all("authentication-results", [])[:10]),
    )


def _contents(parts: list[Message]) -> tuple[str, bytes, list[Upload]]:
    """The text of the body, the same as bytes in UTF-8, and the documents."""
    text: str | None = None
    html: str | None = None
    whole = b""
    uploads: list[Upload] = []
    for part in parts:
        content = _content(part)
        kind, disposition = part.get_content_type(), header(part, "content-disposition").strip().lower()
        name = _file_name(part)
        is_body = kind in {"text/plain", "text/html"} and not disposition.startswith("attachment") and name is None
        if is_body and kind == "text/plain" and (text is None or not text.strip()):
            text, whole = decoded(content, _charset(part)), content
        elif is_body and kind == "text/html" and html is None:
            html = decoded(content, _charset(part))
        elif is_body and kind == "text/plain":
            text = f"{text}\n\n{decoded(content, _charset(part))}"
            whole += b"\n\n" + content
        elif not is_body and content:
            uploads.append(Upload(name or _name_for(kind), content))
    if (text is None or not text.strip()) and html is not None:
        text = from_html(html)
        whole = text.encode("utf-8", "replace")
    return text or "", whole, uploads


def _content(part: Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):  # a mail in the mail
        return b"\n".join(one.as_bytes() for one in payload if isinstance(one, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str | None:
    try:
        found = part.get_content_charset()
    except BROKEN:
        return None
    return found if isinstance(found, str) else None


def _file_name(part: Message) -> str | None:
    try:
        name = part.get_filename()
    except BROKEN:
        return "document"
    if name is None:
        return None
    found = Message()
    found["x-name"] = " ".join(str(name).split("\n"))  # a header of its own, to be decoded like one
    return header(found, "x-name") or "document"


def _name_for(kind: str) -> str:
    return "message.eml" if kind == "message/rfc822" else f"document.{kind.rsplit('/', 1)[-1][:10]}"


def shortened(mail: ParsedMail, text: str) -> ParsedMail:
    """The mail with another text: an answer without what it quotes."""
    return replace(mail, text=text)
