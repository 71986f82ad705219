"""A mail whose subject and text mean something to a language becomes a request that holds them as text."""

from __future__ import annotations

import base64

from mail_office import PostOffice

TEXTS = ("'}) DETACH DELETE n //", "<script>alert(1)</script>", "{{ 7*7 }}", "=1+1", "../../etc/passwd", "*:* AND (")


def mail(subject: str, text: str) -> bytes:
    """A mail whose subject is an encoded word: it may hold line ends."""
    encoded = base64.b64encode(subject.encode()).decode()
    head = (
        "From: anna@mail.example\r\nTo: service@bank.example\r\nMessage-ID: <injected@mail.example>\r\n"
        f"Subject: =?utf-8?B?{encoded}?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return head.encode() + text.encode()


async def test_subject_and_text_stay_text_and_a_line_end_in_the_subject_makes_no_header(office: PostOffice) -> None:
    parties = await office.count("Party")
    receipt = await office.take(mail(f"{TEXTS[0]}\r\nBcc: forged@mail.example", "\n".join(TEXTS)))
    kept = await office.mail(receipt.id)
    assert "\n" not in kept["subject"]
    assert "\r" not in kept["subject"]
    assert TEXTS[0] in kept["subject"]
    assert await office.count("Party") == parties
    rows = await office.database.read("MATCH (r:ServiceRequest) RETURN r.text AS text, r.subject AS subject")
    assert all(text in rows[0]["text"] for text in TEXTS)
    assert "\n" not in (rows[0]["subject"] or "")
