"""The parts of privacy, put together for one process."""

from __future__ import annotations

from datetime import timedelta

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.events.worker import Outside
from graph_crm.graph.database import Database
from graph_crm.graph.timers import Work
from graph_crm.privacy import erasure, export
from graph_crm.privacy.erasure import ErasureService
from graph_crm.privacy.export import ExportService
from graph_crm.privacy.links import ExportLinks
from graph_crm.privacy.restriction import RestrictionService
from graph_crm.privacy.retention import PrivacyRetention
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.requests.attachments.store import FileStore, Storage
from graph_crm.settings import Settings


class PrivacyParts:
    """Exports, restrictions, erasures and the retention of one process. ``secret`` signs links."""

    def __init__(self, settings: Settings, database: Database, secret: str) -> None:
        rules = PrivacyRules.load(settings.privacy_rules)
        rules.require(ContactPolicy.load(settings.contact_policy))
        self.files = files = FileStore(
            database, Storage(settings.attachments_url or str(settings.data_dir / "attachments"))
        )
        links = ExportLinks(secret, settings.public_url, life=timedelta(minutes=rules.export.link_minutes))
        self.erasure = ErasureService(database, rules, files=files, message_folder=settings.message_folder)
        self.exports = ExportService(database, rules, files, links)
        self.restriction = RestrictionService(database)
        self.retention = PrivacyRetention(database, rules, self.erasure, exports=self.exports, files=files)

    def services(self) -> tuple[object, ...]:
        """What the platform provides."""
        return self, self.erasure, self.exports, self.restriction, self.retention

    def outside(self) -> dict[str, Outside]:
        """Topics of the outbox, worked on outside a transaction."""
        return {erasure.TOPIC: self.erasure.carry_on, export.TOPIC: self.exports.carry_out}

    def timers(self) -> dict[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return dict(self.retention.timers())
