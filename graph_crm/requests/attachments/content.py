"""What a document is, by its bytes: neither its name nor what the sender said of it is believed."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Collection

import puremagic

OCTETS = "application/octet-stream"
PLAIN = "text/plain"
MESSAGE = "message/rfc822"

DEFAULT_TYPES = (
    "application/pdf",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    MESSAGE,
    PLAIN,
)
"""Media types that are taken unless the setting names others: documents and pictures without macros or scripts."""

_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_MACROS = "application/vnd.ms-office.macro-enabled"
_MOST_ENTRIES = 20_000
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
)
"""What reading an archive raises that is none."""
_OPEN_DOCUMENT = re.compile(r"application/vnd\.oasis\.opendocument\.[a-z-]+")
_MARKUP = re.compile(rb"<(?:!|\?|[a-zA-Z])")
_BLANK = b" \t\r\n\f\v"
_MARK = b"\xef\xbb\xbf"
_MAIL = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n){3,}")
_SIMPLE = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-executable"),
    (b"#!", "text/x-script"),
)
"""What must never be taken for something else because a longer list knows more."""


def media_type(content: bytes) -> str:
    """The media type of ``content``; ``application/octet-stream`` where nothing is known of it."""
    for start, found in _SIMPLE:
        if content.startswith(start):
            return found
    if content.startswith(b"PK\x03\x04"):
        return _archive(content)
    if _is_text(content):
        return _text(content)
    try:
        matches = puremagic.magic_string(content)
    except (puremagic.PureError, ValueError):
        return OCTETS
    return next((one.mime_type for one in matches if one.mime_type), OCTETS)


def accepted(content: bytes, types: Collection[str]) -> tuple[str, bool]:
    """The media type of ``content`` and whether it is one of ``types``."""
    found = media_type(content)
    return found, found in types


def _archive(content: bytes) -> str:
    """Which kind of document a ZIP archive is; only its table of contents and one short entry are read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [one.filename for one in entries[:_MOST_ENTRIES]]
            if entries and entries[0].filename == "mimetype" and entries[0].file_size < 100:  # noqa: PLR2004 - bytes
                said = archive.read(entries[0]).decode("ascii", "replace")
                if _OPEN_DOCUMENT.fullmatch(said):
                    scripts = any(name.startswith(("Basic/", "Scripts/")) for name in names)
                    return _MACROS if scripts else said
    except _BROKEN_ARCHIVE:
        return "application/zip"
    if "[Content_Types].xml" in names:
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            return _MACROS
        for folder, found in _OFFICE.items():
            if any(name.startswith(folder) for name in names):
                return found
    return "application/zip"


def _is_text(content: bytes) -> bool:
    if b"\x00" in content:
        return False
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        # An old single-byte charset: text has few control characters, other things many.
        sample = content[:100_000]
        controls = sum(one < 32 and one not in b"\t\n\r\f\x1b" for one in sample)  # noqa: PLR2004 - ASCII's controls
        return bool(sample) and controls == 0 and sum(32 <= one < 127 for one in sample) * 2 > len(sample)  # noqa: PLR2004 - the same
    return not any(ord(one) < 32 and one not in "\t\n\r\f" for one in text[:100_000])  # noqa: PLR2004 - the same


def _text(content: bytes) -> str:
    # Not by one expression: over a document of blanks that would take time by the square of its length.
    if _MARKUP.match(content.lstrip(_BLANK).removeprefix(_MARK).lstrip(_BLANK)):
        return "text/html"  # or XML, SVG: what a browser may run
    return MESSAGE if _MAIL.match(content[:20_000]) else PLAIN
