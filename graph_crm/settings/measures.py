"""What values of settings have in common: their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

SHORTEST_SECRET = 32
"""Characters of the shortest secret that is taken."""

Seconds = Annotated[float, Field(gt=0, le=3600)]
Share = Annotated[float, Field(ge=0, le=1)]
Megabytes = Annotated[int, Field(ge=64, le=1_048_576)]
