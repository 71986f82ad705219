"""The embedded engine: Neo4j Community, fetched once, run as a child process on the loopback interface.

`Engine` is the whole interface; what it does is described for operators in `docs/engine.md`.
"""

from __future__ import annotations

from graph_crm.graph.engine.config import Address, EngineConfig, EngineStatus, Progress
from graph_crm.graph.engine.engine import Engine

__all__ = ["Address", "Engine", "EngineConfig", "EngineStatus", "Progress"]
