"""The closed lists of words of complaints, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What caused a complaint.",
    STAFF_MISTAKE="An employee made a mistake.",
    STAFF_CONDUCT="How an employee behaved.",
    SYSTEM_FAULT="Software or a machine failed.",
    PROCESS_DELAY="It took too long.",
    COMMUNICATION="The bank said it badly, late or not at all.",
    FEES_AND_RATES="Fees, interest or exchange rates.",
    PRODUCT_TERMS="The terms of a product.",
    SALES_PRACTICE="How something was sold.",
    FRAUD_BY_OTHERS="Somebody outside deceived the customer.",
    MISUNDERSTANDING="The customer took something for another thing.",
    THIRD_PARTY="A partner or supplier of the bank.",
    OTHER="Something else; the text says what.",
)
class RootCause(StrEnum):
    """What caused a complaint."""

    STAFF_MISTAKE = "STAFF_MISTAKE"
    STAFF_CONDUCT = "STAFF_CONDUCT"
    SYSTEM_FAULT = "SYSTEM_FAULT"
    PROCESS_DELAY = "PROCESS_DELAY"
    COMMUNICATION = "COMMUNICATION"
    FEES_AND_RATES = "FEES_AND_RATES"
    PRODUCT_TERMS = "PRODUCT_TERMS"
    SALES_PRACTICE = "SALES_PRACTICE"
    FRAUD_BY_OTHERS = "FRAUD_BY_OTHERS"
    MISUNDERSTANDING = "MISUNDERSTANDING"
    THIRD_PARTY = "THIRD_PARTY"
    OTHER = "OTHER"
