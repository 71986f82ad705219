"""A command that judges by a contact policy says by which, and how to judge as the demo beside it does."""

from __future__ import annotations

from pathlib import Path

from graph_crm.cli.contact_policy import judged_by
from graph_crm.cli.supervisor import AT_ANY_HOUR, MARK
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.settings import Settings


def test_the_file_and_the_version_are_named(tmp_path: Path) -> None:
    shipped, demo = ContactPolicy.load(None), ContactPolicy.load(AT_ANY_HOUR)
    assert judged_by(Settings(data_dir=tmp_path), shipped) == (
        f"Judged by the contact policy {shipped.version} (shipped)."
    )
    named = Settings(data_dir=tmp_path, contact_policy=AT_ANY_HOUR)
    assert judged_by(named, demo) == f"Judged by the contact policy {demo.version} ({AT_ANY_HOUR})."


def test_on_the_data_of_a_demo_the_policy_of_the_demo_is_named(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text("{}")
    told = judged_by(Settings(data_dir=tmp_path), ContactPolicy.load(None))
    assert told.endswith(f"The demo judges by its own: GRAPH_CRM_CONTACT_POLICY={AT_ANY_HOUR}")
    named = Settings(data_dir=tmp_path, contact_policy=AT_ANY_HOUR)
    assert "The demo" not in judged_by(named, ContactPolicy.load(AT_ANY_HOUR))
