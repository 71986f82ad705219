"""Mails over GraphQL: who serves sees what waits, and decides it."""

from __future__ import annotations

from typing import Any

import pytest
from letters import letter
from mail_office import PostOffice

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.requests.mailbox.intake import MailIntake
from graph_crm.requests.sorting.service import SortingService
from graph_crm.requests.sorting.sorter import DeskSorter
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts


async def ask(office: PostOffice, query: str, role: Role = Role.SERVICE, **variables: Any) -> dict[str, Any]:
    services: dict[type, Any] = {
        MailIntake: office.intake,
        SortingService: SortingService(office.database, DeskSorter(office.desk)),
    }
    executor = Executor(platform_schema(), office.database, services.__getitem__)
    return await executor.execute(Request(query, Caller("eva", role, "anna"), variables))


async def test_what_waits_is_listed_reopened_and_dismissed(office: PostOffice) -> None:
    first = await office.take(letter(List_Id="<a.shop.example>", sender="anna@mail.example"))
    second = await office.take(letter(List_Id="<b.shop.example>", message_id="<2@x.example>"))
    await office.take(letter(message_id="<3@x.example>", documents={"a.pdf": b"%PDF-1.7 x"}))
    found = await ask(office, "{ mailSetAside(first: 5) { nodes { id reason sender } } }")
    assert found == {
        "data": {
            "mailSetAside": {
                "nodes": [
                    {"id": second.id, "reason": "BULK", "sender": "jana@customers.example"},
                    {"id": first.id, "reason": "BULK", "sender": "anna@mail.example"},
                ]
            }
        }
    }
    reopen = "mutation($id: ID!) { reopenMail(id: $id) { state settledBy request { status party { id } } } }"
    reopened = (await ask(office, reopen, id=first.id))["data"]["reopenMail"]
    assert (reopened["state"], reopened["settledBy"]) == ("OPENED", "eva")
    assert reopened["request"]["party"] == {"id": "anna"}
    dismissed = await ask(office, "mutation($id: ID!) { dismissMail(id: $id) { state } }", id=second.id)
    assert dismissed["data"]["dismissMail"] == {"state": "DISMISSED"}
    assert (await ask(office, "{ mailSetAside { nodes { id } } }"))["data"]["mailSetAside"]["nodes"] == []
    brought = await ask(
        office,
        "{ mail(id: $id) { attachments { nodes { name state entries { nodes { kind } } } } } }".replace(
            "{ mail", "query($id: ID!) { mail", 1
        ),
        id="<3@x.example>",
    )
    assert brought["data"]["mail"]["attachments"]["nodes"] == [
        {"name": "a.pdf", "state": "UNSCANNED", "entries": {"nodes": [{"kind": "OPENED"}]}}
    ]


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MARKETER, Role.ANALYST, Role.AUDITOR])
async def test_only_who_serves_decides(office: PostOffice, role: Role) -> None:
    mail = await office.take(letter(List_Id="<a.shop.example>"))
    for name in ("reopenMail", "dismissMail"):
        answer = await ask(office, f"mutation($id: ID!) {{ {name}(id: $id) {{ state }} }}", role, id=mail.id)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await office.mail(mail.id))["state"] == "SET_ASIDE"


async def test_a_customer_sees_no_mails(office: PostOffice) -> None:
    answer = await ask(office, "{ mailSetAside { nodes { id } } }", Role.CUSTOMER)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_who_sorts_is_shown_what_the_classifier_thinks(office: PostOffice) -> None:
    query = '{ categoryProposals(text: "I would like a mortgage", first: 2) { category confidence } }'
    found = (await ask(office, query))["data"]["categoryProposals"]
    assert found[0]["category"] == "LOAN"
    assert found[0]["confidence"] > found[1]["confidence"]
    wrong = await ask(office, '{ categoryProposals(text: "x", first: 99) { category } }')
    assert wrong["errors"][0]["extensions"]["field"] == "first"
