"""Values that somebody would try: of every kind of argument, at its ends and beyond them."""

from __future__ import annotations

from typing import Any, Final

CYPHER: Final = (
    "' OR 1=1 //", '"}) DETACH DELETE n //', "x'}) MATCH (n) RETURN n //", "`) DETACH DELETE (", "$me", "{n}",
    "\\u0027 RETURN 1 //", "a' UNION MATCH (p:Party) RETURN p.id AS id //",
)  # fmt: skip
LUCENE: Final = (
    "*:*",
    "anna~2",
    "name:(* TO *)",
    "a AND NOT (b",
    '"unclosed',
    "/.*/",
    "[* TO *]",
    "a^1e99",
    "\\",
    "&& ||",
)
LOG: Final = (
    "a\nlevel=error event=forged",
    "a\r\n2026-01-01 [error] forged",
    "\x1b[2J\x1b[31mred",
    "a\u2028b\u2029c\x85d",
)
FORMULA: Final = (
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("http://x.invalid","a")',
)
TEMPLATE: Final = (
    "{{ 7*7 }}",
    "{% for x in ().__class__.__mro__ %}{% endfor %}",
    "${7*7}",
    "#{7*7}",
    "{0.__class__}",
    "%(x)s",
    "{ $x }",
)
PATH: Final = (
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "file:///etc/passwd",
    "a\x00b",
    "CON",
    "%2e%2e%2f",
    "~root",
)
HEADER: Final = ("a\r\nSet-Cookie: forged=1", "a\nBcc: forged@example.org", "a%0d%0aX: 1", "a\r\n\r\n<html>")
HTML: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "<!--",
    "</title><svg onload=a()>",
)
CORPUS: Final[dict[str, tuple[str, ...]]] = {
    "Cypher": CYPHER, "Lucene": LUCENE, "log": LOG, "formula": FORMULA, "template": TEMPLATE, "path": PATH,
    "header": HEADER, "HTML": HTML,
}  # fmt: skip
"""Texts that mean something to one of the languages that text passes on its way."""

ODD_TEXTS: Final = (
    "", " ", "\x00", "\ud83d", "😀" * 40, "\ufdfa", "a" * 5_000, "A\u0301" * 30, "\u202egnp.exe",
    "\u0130\u0131\u017f\xdf",
    "\ufeff", "NaN",
    "null", "undefined", "true", "-0", "1e400", "00000000-0000-0000-0000-000000000000", "\U0010ffff",
    "a\tb", "\u1d43", "\xbd",
)  # fmt: skip
TEXTS: Final[tuple[str, ...]] = tuple(each for group in CORPUS.values() for each in group) + ODD_TEXTS
NUMBERS: Final[tuple[Any, ...]] = (
    0, -1, 1, 2**31 - 1, 2**31, -(2**31), 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400, 0.1, -0.0, 1e308,
    1e-320, 0.30000000000000004, 99999999999999.99,
)  # fmt: skip
DAYS: Final = (
    "0001-01-01", "9999-12-31", "10000-01-01", "0000-01-01", "-0001-01-01", "2024-02-29", "2023-02-29", "2026-13-01",
    "20260101", "2026-W01-1", "1582-10-10", "2026-11-23T10:00:00Z",
    "\u0661\u0664\u0660\u0662-\u0660\u0661-\u0660\u0661",
)  # fmt: skip
INSTANTS: Final = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-03-29T02:30:00+01:00",
    "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:00+23:59:59", "1970-01-01T00:00:00Z", "now",
    "2026-01-01T00:00:00.123456789Z",
)  # fmt: skip
AMOUNTS: Final[tuple[Any, ...]] = (
    "0", "-0.01", "1250.50", "0.001", "1e15", "1E+400", "NaN", "-Infinity", "sNaN", "10000000000000.01", 5, 1.5, 1e300,
    "\u0663.\u0665\u0660", "1_000", " 1 ", "9" * 400,
)  # fmt: skip
CURSORS: Final = ("", "!", "e30=", "eyJ2IjoxfQ==", "AAAA" * 40, "null", "WzEsMl0", "x" * 3000)
WRONG: Final[tuple[Any, ...]] = (None, True, [], {}, [[]], {"a": {"b": []}}, [None], -1, "x", 1.5)
"""Of another kind than what is asked for."""
