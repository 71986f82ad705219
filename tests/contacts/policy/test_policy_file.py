"""The policy file: what ships, what is refused and how it is told, what changes the version."""

from __future__ import annotations

import datetime as dt
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import ConfigurationError, RuleError
from graph_crm.resources import folder
from graph_crm.rules.limits import ContactLimit
from graph_crm.settings import load

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import SHIPPED, days

TEXT = (folder("seed") / "contact_policy.toml").read_text("utf-8")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_shipped_policy_allows_one_promotional_call_in_45_days():
    assert SHIPPED.limit("promotional_call") == ContactLimit(
        name="promotional_call", count=1, days=45, channels=("PHONE",)
    )
    assert [(one.name, one.count, one.days, one.counts) for one in SHIPPED.limits] == [
        ("promotional_call", 1, 45, "contacts"),
        ("call_attempts", 3, 14, "attempts"),
        ("promotional_contacts", 4, 30, "contacts"),
    ]
    assert all(one.scope == "customer" and one.direction == "OUTBOUND" for one in SHIPPED.limits)
    assert SHIPPED.limit("another") is None


def test_the_examples_that_are_commented_out_are_right(tmp_path: Path):
    text = re.sub(r"^# (\[\[|[a-z]+ = )", r"\1", TEXT, flags=re.MULTILINE)
    policy = ContactPolicy.load(written(tmp_path, text))
    assert {one.scope for one in policy.limits} == {"customer", "household", "contact_point"}


def test_the_shipped_rests_are_the_defaults_of_a_file_that_names_none(tmp_path: Path):
    head = TEXT.partition("[cool_off]")[0]
    policy = ContactPolicy.load(written(tmp_path, f"{head}\n[cool_off]\n[suppression]\n"))
    assert policy == SHIPPED
    assert policy.version == SHIPPED.version


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "promotional_call"', 'name = "Promotional call"', "limits[1]: A contact limit's name must be lower"),
        ("count = 1\n", "count = 0\n", "limits[1]: Limit promotional_call: count must be a whole number from 1"),
        ("count = 1\n", "", "limits[1]: count is missing"),
        ("count = 1\n", "cuont = 1\ncount = 1\n", "limits[1]: cuont is no part of a limit; known are name, count"),
        ("days = 45", 'days = "45"', "limits[1]: Limit promotional_call: days must be a number above 0"),
        ("days = 14", "days = nan", "limits[2]: Limit call_attempts: days must be a number above 0"),
        ('channels = ["PHONE"]\n\n', 'channels = ["FAX"]\n\n', "limits[1]: Limit promotional_call: channels 'FAX'"),
        ('name = "call_attempts"', 'name = "promotional_call"', "two limits are named promotional_call"),
        ('from = "09:00"', 'from = "9"', 'times[1] from: write a time as "09:00"'),
        ('from = "09:00"', 'from = "25:00"', 'times[1] from: write a time as "09:00"'),
        ('until = "20:00"', 'until = "09:00"', "times[1]: from and until must differ"),
        ('until = "20:00"\n', "", "times[1] until: is missing; write it"),
        ('"SAT"]', '"SA"]', "times[1] weekdays[6]: must be 'MON', 'TUE'"),
        ("public_holidays = false", 'public_holidays = "no"', "times[1] public_holidays: must be a valid boolean"),
        (
            'channels = ["PHONE", "SMS", "PUSH"]',
            'channels = ["PHONE"]',
            'SMS has no times: write [[times]] with channels = ["SMS"]',
        ),
        ('channels = ["PHONE", "SMS", "PUSH"]', "channels = []", "times[1] channels: needs at least one entry"),
        ("product_days = 180", "product_days = -1", "cool_off product_days: must be greater than or equal to 0"),
        ("product_days = 180", "product_day = 180", "cool_off product_day: is not known; remove it or correct"),
        ("[cool_off]", "[cool_of]", "cool_off: is missing; write it; cool_of: is not known"),
        ("complaint = true ", 'complaint = "yes" ', "suppression complaint: must be a valid boolean"),
        ("[suppression]", "[suppression", "is no TOML"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_to_write(tmp_path: Path, old: str, new: str, told: str):
    assert old in TEXT
    with pytest.raises(ConfigurationError) as refused:
        ContactPolicy.load(written(tmp_path, TEXT.replace(old, new, 1)))
    assert told in refused.value.message
    assert str(tmp_path / "policy.toml") in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("text", ["", "# nothing\n", "limits = []\n"])
def test_an_empty_file_is_not_a_bank_without_limits(tmp_path: Path, text: str):
    with pytest.raises(ConfigurationError, match=r"limits: (is missing|needs at least one entry)"):
        ContactPolicy.load(written(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml can't be read: No such file"):
        ContactPolicy.load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigurationError, match="can't be read"):
        ContactPolicy.load(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        ContactPolicy.load(tmp_path / "binary.toml")


def test_the_setting_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRAPH_CRM_CONTACT_POLICY", str(written(tmp_path, TEXT.replace("days = 45", "days = 60"))))
    policy = ContactPolicy.load(load().contact_policy)
    assert policy.limits[0].days == 60


# Versions


def test_the_version_changes_just_when_the_policy_does(tmp_path: Path):
    assert ContactPolicy.load(written(tmp_path, f"# A remark\n{TEXT}")).version == SHIPPED.version
    seen = {SHIPPED.version}
    for old, new in (
        ("days = 45", "days = 46"),
        ("scope     customer (when left out), household, contact_point\n", "\n"),
        ("product_days = 180", "product_days = 181"),
        ("collections_days = 90", "collections_days = 91"),
        ('until = "20:00"', 'until = "20:01"'),
        ('counts = "attempts"', 'counts = "contacts"'),
    ):
        changed = ContactPolicy.load(written(tmp_path, TEXT.replace(old, new, 1))).version
        assert (changed in seen) is old.startswith("scope")
        seen.add(changed)


def test_the_limits_of_plugins_are_added_and_are_part_of_the_version():
    extra = ContactLimit(name="household_call", count=1, days=7, scope="household")
    policy = SHIPPED.with_limits([extra])
    assert policy.limits == (*SHIPPED.limits, extra)
    assert policy.version != SHIPPED.version
    assert SHIPPED.with_limits([]) == SHIPPED


def test_a_plugin_cannot_replace_a_limit():
    loose = ContactLimit(name="promotional_call", count=100, days=1)
    with pytest.raises(RuleError, match="two contact limits named promotional_call"):
        SHIPPED.with_limits([loose])
    with pytest.raises(RuleError, match="two contact limits named mine"):
        SHIPPED.with_limits([ContactLimit(name="mine", count=1, days=1)] * 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Mine"},
        {"name": ""},
        {"count": 0},
        {"count": True},
        {"count": 1.5},
        {"days": 0},
        {"days": -1},
        {"days": float("inf")},
        {"days": 10_000},
        {"days": "7"},
        {"scope": "bank"},
        {"channels": ("FAX",)},
        {"channels": "PHONE"},
        {"counts": "all"},
        {"purposes": ("OFFER",)},
        {"direction": "INBOUND"},
        {"classes": ("TRANSACTIONAL",)},
    ],
)
def test_a_limit_that_makes_no_sense_or_would_bind_nothing_is_refused(wrong: dict[str, Any]):
    with pytest.raises(RuleError):
        ContactLimit(**{"name": "mine", "count": 1, "days": 7, **wrong})


# What must be remembered


def test_the_memory_covers_the_longest_window_rest_and_contact_of_collections():
    assert SHIPPED.memory >= days(366)
    assert SHIPPED.touches_memory == days(46)
    assert SHIPPED.answers_memory == days(366)
    long = SHIPPED.with_limits([ContactLimit(name="yearly", count=1, days=700)])
    assert (long.touches_memory, long.memory) == (days(701), days(701))
    content = tomllib.loads(TEXT)
    content["cool_off"] |= {"refusals_within_days": 300, "rest_days": 400}
    assert ContactPolicy.model_validate(content).answers_memory == days(701)


def test_the_needs_are_complaints_from_the_beginning_and_collections_as_far_back_as_they_bind():
    assert set(SHIPPED.needs.events) == {"complaint", "complaint_closed", "collections_contact"}
    assert SHIPPED.needs.events["complaint"] is None
    window = SHIPPED.needs.events["collections_contact"]
    assert window is not None
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    assert window.before(now) <= now - days(365)
