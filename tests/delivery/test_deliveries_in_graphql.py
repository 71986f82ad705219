"""Messages as front-ends see them, and what people do about them."""

from __future__ import annotations

from typing import Any

import pytest
from post_office import Bureau, Gateway

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.managing import Deliveries
from graph_crm.delivery.sending import DeliveryService
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import Refused
from graph_crm.security.roles import Caller, Role

DESK = Caller("desk-1", Role.SERVICE)


class Front:
    """A front-end of a bureau."""

    def __init__(self, bureau: Bureau) -> None:
        services = {
            DeliveryService: bureau.parts.sending,
            Deliveries: Deliveries(bureau.database),
        }
        self.executor = Executor(platform_schema(), bureau.database, services=services.__getitem__)

    async def ask(self, query: str, caller: Caller = DESK, **variables: Any) -> Any:
        return await self.executor.execute(Request(query, caller, variables))


async def test_a_message_is_seen_from_the_customer_with_what_became_of_it(empty_database: Database) -> None:
    mail = Gateway("EMAIL")
    mail.failure = Refused("554 no")
    bureau = await Bureau(empty_database, mail, Gateway("SMS")).people("anna")
    await bureau.tell()
    await bureau.work()
    query = """{ party(id: "anna") { deliveries { nodes {
      state stateReason diagnostic channel template attempts purpose actionClass
      replaces { state channel } replacedBy { totalCount } interaction { channel } party { id } secondsToSend } } }
      deliveries(where: {state: {eq: FAILED}}) { nodes { diagnostic replacedBy { nodes { channel } } } } }"""
    answer = await Front(bureau).ask(query)
    assert "errors" not in answer, answer
    last, first = answer["data"]["party"]["deliveries"]["nodes"]
    assert (first["state"], first["stateReason"], first["diagnostic"]) == ("FAILED", "REFUSED", "554 no")
    assert first["replacedBy"] == {"totalCount": 1}
    assert (last["state"], last["channel"], last["replaces"]) == (
        "SENT",
        "SMS",
        {"state": "FAILED", "channel": "EMAIL"},
    )
    assert (last["interaction"], last["party"]) == ({"channel": "SMS"}, {"id": "anna"})
    assert last["secondsToSend"] >= 0
    assert answer["data"]["deliveries"]["nodes"][0]["replacedBy"]["nodes"] == [{"channel": "SMS"}]


async def test_a_message_that_has_not_begun_can_be_taken_back_and_no_other(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    front, waiting = Front(bureau), await bureau.tell()
    cancel = 'mutation ($id: ID!) { cancelDelivery(id: $id, reason: "a mistake") { state stateReason diagnostic } }'
    for _ in range(2):
        answer = await front.ask(cancel, id=waiting)
        assert answer["data"]["cancelDelivery"] == {
            "state": "CANCELLED",
            "stateReason": "CANCELLED_BY_HAND",
            "diagnostic": "desk-1: a mistake",
        }
    sent = await bureau.tell(key="second")
    await bureau.work()
    assert len(gateway.given) == 1
    answer = await front.ask(cancel, id=sent)
    assert answer["errors"][0]["extensions"]["code"] == "DELIVERY_UNDER_WAY"
    answer = await front.ask(cancel, id="delivery:none")
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    answer = await front.ask(cancel, Caller("m", Role.MARKETER), id=sent)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_message_can_be_sent_again_on_another_way_once_for_a_key(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL"), Gateway("SMS")).people("anna")
    front, first = Front(bureau), await bureau.tell(channel=Channel.EMAIL)
    again = """mutation ($id: ID!, $key: String) { resendDelivery(id: $id, channel: SMS, idempotencyKey: $key) {
      id state channel replaces { id } } }"""
    answer = await front.ask(again, id=first, key="k")
    assert answer["errors"][0]["message"].startswith("id: the message is still on its way")
    await bureau.work()
    one, two = [(await front.ask(again, id=first, key="k"))["data"]["resendDelivery"] for _ in range(2)]
    assert one == two
    assert one["replaces"] == {"id": first}
    await bureau.work()
    assert (await bureau.one(one["id"]))["state"] == "SENT"
    await bureau.offer()
    await bureau.work()
    (offer,) = [each for each in await bureau.all() if each.get("offerId")]
    answer = await front.ask(again, id=offer["id"], key="o")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_template_is_previewed_with_its_example_or_with_given_values(empty_database: Database) -> None:
    front = Front(Bureau(empty_database))
    query = """query ($v: JSON) { previewTemplate(name: "request_answered", language: "pl-PL", variables: $v) {
      name language subject text short example } }"""
    shown = (await front.ask(query))["data"]["previewTemplate"]
    assert (shown["language"], shown["subject"]) == ("pl", "Odpowiedź na zgłoszenie R-7K2M-9QXC")
    assert shown["example"]["name"] == "Jan Nowak"
    answer = await front.ask(query, v={"name": "Eva"})
    assert answer["errors"][0]["extensions"]["code"] == "TEMPLATE"
    assert answer["errors"][0]["extensions"]["variable"] == "number"
    answer = await front.ask(query, v=[1])
    assert answer["errors"][0]["extensions"]["field"] == "variables"


@pytest.mark.parametrize("field", ['delivery(id: "x") { id }', "deliveries { totalCount }"])
async def test_a_customer_sees_no_messages_of_the_bank(empty_database: Database, field: str) -> None:
    answer = await Front(Bureau(empty_database)).ask(f"{{ {field} }}", Caller("anna", Role.CUSTOMER, "anna"))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
