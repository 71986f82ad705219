"""Mails as strangers send them, byte for byte."""

from __future__ import annotations

from email.message import EmailMessage


def letter(
    text: str | None = "Where is my new card?",
    *,
    sender: str = "Jana Novotná <jana@customers.example>",
    subject: str = "My card",
    message_id: str | None = "<1@customers.example>",
    html: str | None = None,
    documents: dict[str, bytes] | None = None,
    **headers: str,
) -> bytes:
    """A mail to the bank; ``headers`` with underscores for hyphens."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = "service@bank.example"
    mail["Subject"] = subject
    mail["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    if message_id is not None:
        mail["Message-ID"] = message_id
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    if text is not None:
        mail.set_content(text)
    if html is not None:
        if text is None:
            mail.set_content(html, subtype="html")
        else:
            mail.add_alternative(html, subtype="html")
    for name, content in (documents or {}).items():
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def bounce_of(message_id: str, *, action: str = "failed", status: str = "5.1.1") -> bytes:
    """A delivery status notification (RFC 3464) about a mail of the bank."""
    return (
        "From: Mail Delivery System <MAILER-DAEMON@relay.example>\r\n"
        "To: service@bank.example\r\nSubject: Undelivered Mail\r\nMessage-ID: <dsn1@relay.example>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        f"Final-Recipient: rfc822; nobody@customers.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"From: service@bank.example\r\nMessage-ID: {message_id}\r\nSubject: Your request\r\n\r\n--b--\r\n"
    ).encode()
