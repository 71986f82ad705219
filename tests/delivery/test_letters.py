"""Letters: a readable PDF for the print shop, once for each letter."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from graph_crm.delivery.channels.letter import LetterChannel, letter_channel, letter_name
from graph_crm.delivery.channels.letter_page import letter
from graph_crm.rules.delivery import Outgoing, Refused
from graph_crm.settings import Settings

DAY = dt.date(2026, 11, 23)


def message(**more: Any) -> Outgoing:
    given: dict[str, Any] = {
        "id": "delivery:1",
        "key": "k1",
        "channel": "LETTER",
        "to": "anna",
        "text": "Zażółć gęślą jaźń.\n\nPříliš žluťoučký kůň úpěl ďábelské ódy.",
        "subject": "Nowa oferta dla Ciebie",
        "language": "pl",
        "recipient": "Żaneta Dvořáková",
        "address": ("ul. Świętokrzyska 1", "00-950 Warszawa", "Polska"),
    }
    return Outgoing(**(given | more))


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_polish_and_czech_letters_can_be_read():
    text = text_of(letter(message(), sender="Bank, Na Příkopě 1, 110 00 Praha", day=DAY))
    for part in (
        "Bank, Na Příkopě 1, 110 00 Praha",
        "Żaneta Dvořáková\nul. Świętokrzyska 1\n00-950 Warszawa\nPolska",
        "23 listopada 2026",
        "Nowa oferta dla Ciebie",
        "Zażółć gęślą jaźń.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    ):
        assert part in text


def test_a_name_that_stands_in_the_address_is_written_once():
    text = text_of(letter(message(address=("Żaneta Dvořáková", "Rynek 1")), sender="", day=DAY))
    assert text.count("Żaneta Dvořáková") == 1


def test_a_long_letter_has_several_pages():
    content = letter(message(text="\n".join(f"Line {number}" for number in range(120))), sender="", day=DAY)
    assert len(PdfReader(io.BytesIO(content)).pages) == 3
    assert "Line 119" in text_of(content)


@pytest.mark.parametrize("language", ["xx", "", "not a language"])
def test_a_language_that_nobody_knows_has_a_plain_date(language: str):
    assert "2026-11-23" in text_of(letter(message(language=language), sender="", day=DAY))


async def test_the_print_shop_finds_each_letter_once(tmp_path: Path):
    channel = LetterChannel(str(tmp_path / "out"), today=lambda: DAY)
    first, again = await channel.send(message()), await channel.send(message())
    other = await channel.send(message(id="delivery:2", key="k2"))
    assert first.provider_id == again.provider_id
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == sorted([first.provider_id, other.provider_id])
    assert "Zażółć" in text_of((tmp_path / "out" / str(first.provider_id)).read_bytes())


async def test_another_store_takes_letters_as_well():
    channel = LetterChannel("memory://print-shop", today=lambda: DAY)
    sent = await channel.send(message())
    import fsspec  # noqa: PLC0415 - only this test looks into the store

    assert fsspec.filesystem("memory").cat_file(f"/print-shop/{sent.provider_id}").startswith(b"%PDF")


def test_the_name_of_a_letter_leads_out_of_no_folder():
    assert letter_name(message(id="../../etc/passwd", key="x")).startswith("..-..-etc-passwd-")
    assert "/" not in letter_name(message(id="a/b\\c", key="x"))


async def test_without_an_address_nothing_is_printed(tmp_path: Path):
    channel = LetterChannel(str(tmp_path / "out"))
    with pytest.raises(Refused, match="no postal address"):
        await channel.send(message(address=()))
    assert not (tmp_path / "out").exists()
    assert letter_channel(Settings(letters=None)) is None
