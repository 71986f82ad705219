"""The test kit of a rule author: made-up customers through the whole pipeline, without a database or in a real one.

    from graph_crm.testing import customer, pipeline, plugin

    bench = plugin("my_plugins/student_card.py")
    petr = customer().holds("CURRENT_ACCOUNT", since="2024-01-31").phone().agrees("MARKETING")

    def test_the_offer_reaches_petr_by_phone():
        pipeline(bench.on("2024-08-01T10:00"), petr).expect("CARD_CLASSIC", channel="PHONE")

`graph_crm.rules.testing` asks the rules alone; this package adds every gate after them: eligibility, suitability,
consent, contact limits, arbitration. The fixture ``live_bank`` (`graph_crm.pytest_kit`) does the same in a real Neo4j.
"""

from __future__ import annotations

from graph_crm.rules.customers import Customer, customer
from graph_crm.rules.testing import Asked, Bench, plugin
from graph_crm.testing.decided import Decided, Offered
from graph_crm.testing.live import LiveBank
from graph_crm.testing.whole import pipeline

__all__ = ["Asked", "Bench", "Customer", "Decided", "LiveBank", "Offered", "customer", "pipeline", "plugin"]
