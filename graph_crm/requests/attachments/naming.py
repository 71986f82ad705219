"""Names of documents as they are stored and offered: a name that a stranger chose may not do anything but name."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

from pathvalidate import sanitize_filename

NAME_LIMIT = 120
"""Characters of a name; the ending stays."""
BYTES_LIMIT = 240
"""Bytes of a name in UTF-8: a file system takes 255."""
LONGEST_ENDING = 12
_READ = 2_000
"""So many characters of a name are looked at: who sends more means no good."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_name(name: str | None, otherwise: str = "document") -> str:
    """The last part of ``name`` without paths, control characters and marks that change the direction of writing.

    It is a name on every system: no device of Windows, nothing that begins or ends with a dot or a space, and at most
    `NAME_LIMIT` characters. Where nothing is left it is ``otherwise``.
    """
    given = unicodedata.normalize("NFC", (name or "")[-_READ:])
    seen = "".join(" " if one.isspace() else one for one in given if unicodedata.category(one) not in _INVISIBLE)
    last = " ".join(seen.replace("\\", "/").rsplit("/", 1)[-1].split()).strip(". ")
    clean = sanitize_filename(_shortened(last), replacement_text="_", platform="universal")
    return clean if any(one.isalnum() for one in clean) else otherwise


def _shortened(name: str) -> str:
    """The name with its ending, at most `NAME_LIMIT` characters and `BYTES_LIMIT` bytes."""
    ending = PurePosixPath(name).suffix
    if len(ending) > LONGEST_ENDING:
        ending = ""
    stem = name.removesuffix(ending)[: NAME_LIMIT - len(ending)]
    room = BYTES_LIMIT - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending


def disposition(name: str) -> str:
    """The header Content-Disposition by which a browser saves a document as ``name`` and never shows it (RFC 6266)."""
    safe = safe_name(name)
    plain = "".join(one if one.isascii() and one not in '"\\%' else "_" for one in safe)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
