"""How serious a complaint is: by its words, its customer, and whether it is the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_crm.errors import ConfigurationError
from graph_crm.requests.complaints.rules import ComplaintRules, shipped
from graph_crm.requests.kinds import Severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("The queue was long.", Severity.MODERATE),
        ("A suggestion: more parking.", Severity.MINOR),
        ("A suggestion: give me my money back.", Severity.MAJOR),
        ("My card was STOLEN and you did nothing", Severity.MAJOR),
        ("I will tell the Ombudsman.", Severity.CRITICAL),
        ("Zgłoszę to do Rzecznika Finansowego!", Severity.CRITICAL),
        ("Pójdę do sądu.", Severity.CRITICAL),
        ("Porozmawiam z prawnikiem", Severity.CRITICAL),
        ("Obrátím se na advokáta", Severity.CRITICAL),
        ("Sadzę, że obsługa była zła.", Severity.MODERATE),  # no court in it
        ("The issue is pursued.", Severity.MODERATE),  # no "sue" in it
        ("my, money", Severity.MAJOR),  # words side by side, whatever stands between
        ("my own money", Severity.MODERATE),
        ("", Severity.MODERATE),
    ],
)
def test_words_say_how_serious_it_is(text: str, severity: Severity) -> None:
    found = shipped().assess("Complaint", text, vulnerable=False, earlier=0)
    assert found.severity is severity


def test_care_and_repetition_make_it_more_serious_and_never_less() -> None:
    rules = shipped()
    assert rules.assess("", "slow", vulnerable=True, earlier=0).severity is Severity.MAJOR
    assert rules.assess("", "slow", vulnerable=False, earlier=1).reasons == ("1 complaints in 90 days before",)
    both = rules.assess("", "my lawyer will write", vulnerable=True, earlier=3)
    assert (both.severity, both.reasons) == (Severity.CRITICAL, ("the text says 'lawyer*'",))
    assert rules.assess("", "an idea", vulnerable=True, earlier=0).severity is Severity.MAJOR


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('otherwise = "MODERATE"', 'otherwise = "TERRIBLE"', "severity otherwise: must be 'MINOR', 'MODERATE'"),
        ("reopen_days = 60", "reopen_days = 0", "reopen_days: must be greater than or equal to 1"),
        ('"ombudsman*"', '"***"', "any: '***' holds no letter"),
        ("after_hours = 24", "after_days = 1", "survey after_days: is not known; remove it or correct the name"),
    ],
)
def test_rules_that_can_not_be_used_are_refused_by_their_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    shipped_file = Path(__file__).parents[3] / "seed" / "complaints.toml"
    text = shipped_file.read_text("utf-8")
    assert old in text
    own = tmp_path / "complaints.toml"
    own.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        ComplaintRules.load(own)
    assert f"The rules of complaints {own}: " in caught.value.message
    assert told in caught.value.message
    assert "docs/complaints.md" in str(caught.value.hint)
