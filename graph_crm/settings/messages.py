"""Settings of what leaves the bank and what comes in: mails, text messages, letters, documents, sorting."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AnyHttpUrl, BaseModel, Field, SecretStr

from graph_crm.settings.measures import SHORTEST_SECRET, Seconds, Share


class MessageSettings(BaseModel):
    """Where messages are handed over, and where they come from."""

    templates_dir: Path | None = Field(
        default=None, description="A folder of your own message templates (LANGUAGE/NAME.toml), which win."
    )
    delivery_attempts: int = Field(
        default=6,
        ge=1,
        le=20,
        description="Attempts to hand over a message whose outcome is not known before it goes another way, or fails.",
    )
    delivery_hours: float = Field(
        default=24.0,
        gt=0,
        le=168,
        description="Hours for which a message that surely did not go is tried before it goes another way, or fails.",
    )
    smtp_host: str | None = Field(
        default=None, min_length=1, description="Your mail server; unset: e-mails fail, and say what to set."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of your mail server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the mail server is spoken to: `starttls`, `tls` from the start, or `none`."
    )
    smtp_user: str | None = Field(default=None, description="User name at the mail server; unset: none is given.")
    smtp_password: SecretStr | None = Field(default=None, description="Password at the mail server.")
    smtp_from: str | None = Field(
        default=None, description="Sender of all mails, for example `Your bank <service@bank.example>`."
    )
    smtp_reply_to: str | None = Field(default=None, description="Where answers go; unset: to the sender.")
    sms_url: AnyHttpUrl | None = Field(
        default=None, description="Address of your SMS gateway; unset: text messages fail, and say what to set."
    )
    sms_key: SecretStr | None = Field(default=None, description="Token for the SMS gateway, sent as a bearer token.")
    sms_sender: str = Field(default="Bank", min_length=1, max_length=20, description="Sender of text messages.")
    sms_body: str | None = Field(
        default=None, description="JSON that the SMS gateway takes, with {sender}, {to}, {text}, {id}, {key}."
    )
    sms_id_field: str = Field(
        default="id", min_length=1, description="Field of the gateway's answer that names a text message, with dots."
    )
    sms_idempotent: bool = Field(
        default=False, description="Whether the SMS gateway drops repeats of one `Idempotency-Key`."
    )
    sms_per_second: float | None = Field(
        default=None, gt=0, le=10_000, description="Text messages a second of one worker; unset: no limit."
    )
    sms_callback_secret: SecretStr | None = Field(
        default=None,
        description=f"Secret that signs what the SMS gateway tells, at least {SHORTEST_SECRET} characters.",
    )
    push_url: AnyHttpUrl | None = Field(
        default=None, description="Address of your push service; unset: push messages fail, and say what to set."
    )
    push_secret: SecretStr | None = Field(
        default=None, description=f"Secret that signs requests to it, at least {SHORTEST_SECRET} characters."
    )
    letters: str | None = Field(
        default=None, min_length=1, description="Where letters are put as PDF: a folder, or an address of fsspec."
    )
    letter_sender: str = Field(
        default="", max_length=100, description="The bank's own address on letters, in one line."
    )
    message_folder: Path | None = Field(
        default=None,
        description="For trying out: messages that no channel above carries are put here as files, not sent.",
    )

    attachments_url: str | None = Field(
        default=None,
        min_length=1,
        description="Where documents and mails are kept: a folder, or an address that fsspec knows; unset: data_dir.",
    )
    attachment_bytes: int = Field(
        default=20_000_000, ge=1_000, le=1_000_000_000, description="Bytes of the largest document that is taken."
    )
    attachment_types: list[str] = Field(
        default_factory=list,
        description='Media types of documents that are taken, as JSON: ["application/pdf"]; empty: the shipped list.',
    )
    mail_addresses: list[str] = Field(
        default_factory=list,
        description='The bank\'s addresses that requests are sent to, as JSON: ["service@bank.example"].',
    )
    mail_host: str = Field(default="127.0.0.1", description="Address that the receiver of mails listens on.")
    mail_port: int = Field(
        default=2525, ge=0, le=65535, description="Port that the receiver of mails listens on; 0: any free one."
    )
    mail_bytes: int = Field(
        default=25_000_000, ge=10_000, le=1_000_000_000, description="Bytes of the largest mail that is taken."
    )
    mail_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) of the receiver of mails; unset: it offers no STARTTLS."
    )
    mail_key: Path | None = Field(default=None, description="Private key (PEM) of that certificate.")
    mail_trusted_server: str | None = Field(
        default=None,
        min_length=1,
        description="Name of your mail server in Authentication-Results; unset: no verdict on senders is believed.",
    )
    mail_most_an_hour: int = Field(
        default=30, ge=1, le=100_000, description="Mails of one sender that may open or join requests within an hour."
    )
    mail_most_strangers: int = Field(
        default=1_000,
        ge=0,
        le=1_000_000,
        description="Acknowledgements within an hour to mail addresses that nobody has shown to be theirs.",
    )
    mail_keep_days: int = Field(default=3650, ge=1, le=36_500, description="Days that mails are kept as they came.")
    imap_host: str | None = Field(
        default=None, min_length=1, description="Server of the mailbox that is polled; unset: none is."
    )
    imap_port: int = Field(default=993, ge=1, le=65535, description="Port of that server.")
    imap_tls: bool = Field(default=True, description="Whether that server is spoken to over TLS from the start.")
    imap_user: str | None = Field(default=None, min_length=1, description="User name of the mailbox.")
    imap_password: SecretStr | None = Field(default=None, description="Password of the mailbox.")
    imap_folder: str = Field(default="INBOX", min_length=1, description="Folder of the mailbox that is polled.")
    imap_done_folder: str | None = Field(
        default=None,
        min_length=1,
        description="Folder that mails are moved to when they are safe; unset: they stay, read.",
    )
    imap_seconds: Seconds = Field(default=10.0, description="Seconds between two looks into the mailbox.")
    web_form: bool = Field(
        default=False, description="Whether the form of your public site is taken (POST /forms/request)."
    )
    web_form_most_an_hour: int = Field(
        default=10, ge=1, le=100_000, description="Forms of one network address, or of one mail address, an hour."
    )
    web_form_most_of_all: int = Field(
        default=600, ge=1, le=1_000_000, description="Forms of everybody together within an hour."
    )
    sorting_threshold: Share = Field(
        default=0.7,
        description="Confidence, 0 to 1, from which on the classifier sorts by itself; below a person does.",
    )
    sorting_model: Path | None = Field(
        default=None, description="File of the trained classifier; unset: sorting/model.npz in data_dir."
    )
