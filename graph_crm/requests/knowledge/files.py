"""Articles from files: ``FOLDER/LANGUAGE/SLUG.md``, Markdown under a few lines of TOML between ``+++``.

+++
title = "My card is lost or stolen"
category = "CARDS"
products = ["CARD_CLASSIC"]
+++
Block the card at once: ...
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.graph.database import Database
from graph_crm.graph.idempotency import digest_of
from graph_crm.parties import checks
from graph_crm.requests.knowledge import cypher
from graph_crm.requests.knowledge.service import ArticleText, article_id, checked
from graph_crm.resources import folder
from graph_crm.rules.snapshot import ticked
from graph_crm.settings.files import mistakes

WHAT: Final = "The article"
HINT: Final = "docs/knowledge.md shows how an article is written."
BY = "files"
"""Who wrote what came from a file."""
_PARTS = re.compile(r"\A\+\+\+\s*\n(?P<head>.*?)^\+\+\+\s*\n(?P<text>.*)\Z", re.MULTILINE | re.DOTALL)


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    category: str | None = None
    products: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """What became of the files: ids of articles that are new, that changed, and how many were as before."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int


def read_articles(place: Path | None = None) -> Iterator[ArticleText]:
    """The articles of a folder, the shipped ones when none is named.

    Raises ConfigurationError that names the file for one that can't be used, and where there is no article at all.
    """
    place = place or folder("seed") / "articles"
    files = sorted(place.glob("*/*.md"))
    if not files:
        raise ConfigurationError(
            f"There is no article in {place}.", hint="Articles are files LANGUAGE/NAME.md, for example en/lost-card.md."
        )
    for file in files:
        yield _read(file)


def _read(file: Path) -> ArticleText:
    try:
        parts = _PARTS.match(file.read_text("utf-8"))
        if parts is None:
            raise ConfigurationError(
                f"{WHAT} {file}: there are no lines of TOML between two lines of +++ at its beginning.", hint=HINT
            )
        head = _Head.model_validate(tomllib.loads(parts["head"]))
        article = ArticleText(
            slug=file.stem,
            language=file.parent.name,
            title=head.title,
            text=parts["text"],
            category=head.category,
            products=head.products,
        )
        checked(article)
    except OSError as error:
        raise ConfigurationError(f"{WHAT} {file} can't be read: {error.strerror or error}.", hint=HINT) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{WHAT} {file} is no text in UTF-8: {error}.", hint=HINT) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{WHAT} {file} begins with no TOML: {error}.", hint=HINT) from error
    except ValidationError as error:
        raise ConfigurationError(f"{WHAT} {file}: {mistakes(error)}.", hint=HINT) from None
    except InvalidInput as error:
        raise ConfigurationError(f"{WHAT} {file}: {error.message.rstrip('.')}.", hint=error.hint or HINT) from error
    return article


async def load_articles(database: Database, place: Path | None = None, *, now: checks.Clock = checks.utc_now) -> Loaded:
    """Bring the articles of a folder into the graph: new ones, and those whose file says something new.

    An article that was changed in the platform keeps its change until its file changes. Articles without a file stay.
    Codes of products that the bank does not have are left out of an article.
    """
    rows: list[dict[str, Any]] = []
    articles = list(read_articles(place))
    codes = sorted({code for article in articles for code in article.products})
    unknown = set((await database.read(cypher.KNOWN_PRODUCTS, {"codes": codes}))[0]["unknown"]) if codes else set()
    for article in articles:
        sold = ArticleText(
            **{**vars(article), "products": tuple(code for code in article.products if code not in unknown)}
        )
        properties = checked(sold)
        rows.append(
            {"id": article_id(sold.language, sold.slug), "properties": properties, "digest": digest_of(properties)}
        )
    told = {"rows": rows, "now": ticked(now()), "by": BY}
    written = await database.write(lambda tx: tx.run(cypher.IMPORT, told), idempotent=True)
    created = tuple(row["id"] for row in written if row["isNew"])
    changed = tuple(row["id"] for row in written if not row["isNew"])
    return Loaded(created, changed, len(rows) - len(written))
