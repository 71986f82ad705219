"""A letter as a page for the printer, in the layout of an envelope with a window."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from graph_crm.rules.delivery import Outgoing

FONT: Final = "DejaVu"
"""A font with the letters of all European languages; matplotlib brings it along, its licence is free."""
# Millimetres of an A4 page: the window of a DL envelope shows what stands from 45 to 85 on the left (DIN 5008 B).
_LEFT: Final = 25.0
_SENDER_AT: Final = 42.0
_ADDRESS_AT: Final = 50.0
_TEXT_AT: Final = 105.0
_LINE: Final = 5.5
_SMALL: Final = 7
_NORMAL: Final = 10.5


def letter(message: Outgoing, *, sender: str, day: dt.date) -> bytes:
    """A letter as PDF: sender and address for the window of the envelope, date, subject, text."""
    page = FPDF(format="A4")
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    page.add_font(FONT, "", fonts / "DejaVuSans.ttf")
    page.add_font(FONT, "B", fonts / "DejaVuSans-Bold.ttf")
    page.set_margins(_LEFT, 20.0, 20.0)
    page.set_auto_page_break(auto=True, margin=20.0)
    page.set_title(message.subject or "")
    page.set_lang(message.language)
    page.set_subject(message.id)
    page.add_page()
    page.set_font(FONT, "", _SMALL)
    page.set_xy(_LEFT, _SENDER_AT)
    page.cell(80.0, 4.0, sender, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_font(FONT, "", _NORMAL)
    page.set_xy(_LEFT, _ADDRESS_AT)
    _lines(page, _address(message), 85.0)
    page.set_xy(_LEFT, _TEXT_AT - 2 * _LINE)
    page.cell(0.0, _LINE, _date(day, message.language), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_xy(_LEFT, _TEXT_AT)
    if message.subject:
        page.set_font(FONT, "B", _NORMAL)
        _lines(page, [message.subject], 0.0)
        page.ln(_LINE)
        page.set_font(FONT, "", _NORMAL)
    for paragraph in message.text.strip().split("\n"):
        _lines(page, [paragraph], 0.0)
    written = io.BytesIO()
    page.output(written)
    return written.getvalue()


def _address(message: Outgoing) -> Sequence[str]:
    """The recipient's name and the lines of the address; the name once, where the address has it too."""
    name = message.recipient
    return message.address if name is None or name == message.address[0] else (name, *message.address)


def _lines(page: FPDF, lines: Sequence[str], width: float) -> None:
    for line in lines:
        page.multi_cell(width, _LINE, line or " ", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _date(day: dt.date, language: str) -> str:
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return day.isoformat()
    return format_date(day, "long", locale=locale)
