"""What the arguments of root fields mean, where neither the field nor the type of the argument says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SERVICE_ACCOUNT: Final = "Name of the account, for example atm-switch."
_CALL: Final = "The switchboard's identifier of the call."

MEANINGS: Final[Mapping[str, str]] = {
    "actionClass": "What sort of contact it would be; promotional when left out.",
    "after": "The cursor of the last one that was read; from the newest on when left out.",
    "agentId": "The agent, where another system speaks for one; the caller when left out.",
    "articles": "Articles of the knowledge base that it rests on.",
    "at": "When it happened; now when left out.",
    "attachments": "Documents that were uploaded before, by their identifiers.",
    "category": "Code of the category; requestCategories lists them.",
    "channel": "The channel.",
    "context": "What is known of the moment, as names and values; rules may ask for it.",
    "description": "What the account is for, in one line.",
    "employeeId": "The employee.",
    "entryId": "The entry of the call list, as nextCall gave it.",
    "first": "So many at most.",
    "id": "Identifier of the record.",
    "idempotencyKey": "A key of your choice: the same request sent again with it has its effect once and gets the same"
    " answer. It is the caller's own.",
    "keepOldHours": "For so many hours more the keys that it has are taken; 0: they end now.",
    "kinds": "Only records of these kinds.",
    "language": "Language of the texts, for example pl; English when left out.",
    "limit": "So many offers at most.",
    "minutes": "For so many minutes.",
    "name": "Name of the template.",
    "note": "What is to be kept with it, in words.",
    "number": "The number of the request, for example R-4F7K-2M9P.",
    "outcome": "How it ended.",
    "partyId": "The customer.",
    "partyIds": "The customers.",
    "productCode": "Code of the product that it is about; products lists them.",
    "publicKey": "The public key that the account signs with, in PEM or as JWK.",
    "question": "What the customer is asked, in words.",
    "queue": "Only this queue; all when left out.",
    "reason": "Why, in words; it is kept.",
    "reservationId": "The slot, as reserveContact gave it.",
    "role": "What the account may do and see: service, agent, analyst or auditor.",
    "rootCause": "Code of what caused a complaint.",
    "rule": "Only this rule; all when left out.",
    "since": "From this instant on.",
    "status": "Only requests that stand here; all when left out.",
    "subject": "The subject of the text, where it has one.",
    "text": "The text.",
    "timeZone": "IANA time zone in which instants are told, for example Europe/Warsaw.",
    "topic": "Only work of this topic; all when left out.",
    "until": "Up to this instant.",
    "variables": "Values of the template's variables; those of its example when left out.",
    "version": "The version that was read: where the record has moved on, it is refused with VERSION_CONFLICT.",
    "withinSeconds": "Calls that were answered within so many seconds count for the service level.",
    "addServiceAccount.id": _SERVICE_ACCOUNT,
    "approveLimitOverride.id": "The override.",
    "callAbandoned.id": _CALL,
    "callAnswered.id": _CALL,
    "callArrived.id": _CALL,
    "callArrived.number": "The number that the customer calls from, for example +420602123456.",
    "callArrived.queue": "The queue in which the customer waits.",
    "callEnded.id": _CALL,
    "callEnded.outcome": "What became of it; the bank calls back or opens a request where it says so.",
    "cancelDelivery.id": "The message.",
    "closeRequest.text": "What was found out, which the customer does not see.",
    "confirmContact.outcome": "A word such as PRESENTED or NO_ANSWER; an answer to an offer goes to recordResponse.",
    "disableServiceAccount.id": _SERVICE_ACCOUNT,
    "dismissMail.id": "The mail.",
    "endAbsence.id": "The absence.",
    "nextScreen.channel": "Where the screen is: ATM or ONLINE.",
    "preview.channel": "The channel on which the customer is; by the bank itself when left out.",
    "recordAbsence.id": "Identifier of the absence: sent again it is kept once; a new one when left out.",
    "recordAbsence.until": "Until this instant.",
    "rejectLimitOverride.id": "The override.",
    "reopenMail.id": "The mail.",
    "reopenMail.number": "The request that the mail belongs to; its own or a new one when left out.",
    "resendDelivery.channel": "On this channel; the best that is allowed when left out.",
    "resendDelivery.id": "The message.",
    "retryWork.id": "The piece of work.",
    "revokeLimitOverride.id": "The override.",
    "rotateServiceAccount.id": _SERVICE_ACCOUNT,
    "writeToRequest.text": "What the customer writes.",
    "noteOnRequest.text": "What is to be kept; the customer does not see it.",
}
"""By the name of the argument, or ``field.argument`` where it is something else there."""


def meaning(field: str, argument: str) -> str | None:
    """What an argument of a root field means; None: its type says it."""
    return MEANINGS.get(f"{field}.{argument}") or MEANINGS.get(argument)
