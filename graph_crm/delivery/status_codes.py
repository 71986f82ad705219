"""What the enhanced status codes of mail servers (RFC 3463, RFC 7505) say of an address."""

from __future__ import annotations

from typing import Final

WRONG_ADDRESS: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Nobody is there, for good: no such mailbox or host, no address at all, moved away, takes no mail, switched off.

Nothing else marks an address: a verdict on the content, a full mailbox or a bare 550 may concern this one mail, and a
relay that refuses everything must not silence every customer.
"""
SENDER_REFUSED: Final = frozenset({"5.1.7", "5.1.8"})
"""The sender's address was refused, whoever the recipient is."""
