"""Persisted documents: what front-end teams built and the bank has looked at, asked for by the hash of its text.

A manifest is a JSON file that `graph-crm documents build` writes, in the form that Apollo's tools write too:
``{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": SHA256, "body": TEXT}]}``. The plain
form ``{SHA256: TEXT}`` of other tools (Relay, GraphQL Code Generator) is read as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from graph_crm.errors import ConfigurationError, CrmError, InvalidInput
from graph_crm.security.roles import Role

FORMAT: Final = "apollo-persisted-query-manifest"
VERSION: Final = 1
EVERYBODY: Final = "everybody"
_HASH: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class NotPersisted(CrmError):
    """There is no persisted document with this hash.

    The message is the one by which clients know that they should send the text along.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"


class OnlyPersisted(CrmError):
    """The caller's role may only ask for persisted documents."""

    code = "PERSISTED_QUERY_REQUIRED"


def digest(text: str) -> str:
    """The hash by which a document is asked for: SHA-256 of its text in UTF-8, as it is sent, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Persisted:
    """The persisted documents of a server, by hash, and which roles may ask for nothing else.

    Raises ConfigurationError where ``only`` names a role that there is none of, or there are roles and no documents.
    """

    def __init__(self, documents: Mapping[str, str] | None = None, only: Iterable[str] = ()) -> None:
        self._documents = dict(documents or {})
        only = set(only)
        unknown = only - set(Role) - {EVERYBODY}
        if unknown:
            raise ConfigurationError(
                f"GRAPH_CRM_DOCUMENTS_ONLY names {min(unknown)}, which is no role.",
                hint=f"The roles are {', '.join(sorted(Role))}; or {EVERYBODY}.",
            )
        if only and not self._documents:
            raise ConfigurationError(
                "GRAPH_CRM_DOCUMENTS_ONLY is set and there are no persisted documents.",
                hint="Build them (`graph-crm documents build`) and name the manifest by GRAPH_CRM_DOCUMENTS.",
            )
        self._only = frozenset(Role) if EVERYBODY in only else frozenset(map(Role, only))

    def __len__(self) -> int:
        return len(self._documents)

    def text(self, query: str, identifier: str | None, role: Role) -> str:
        """The text to answer: the one that was sent, or the persisted one with the hash that was sent.

        Raises NotPersisted, OnlyPersisted, and InvalidInput where text and hash do not belong together.
        """
        if identifier is None:
            if self._only and role in self._only and digest(query) not in self._documents:
                raise self._refused(role)
            return query
        found = _HASH.fullmatch(identifier)
        if found is None:
            raise InvalidInput(
                "The identifier of the document is no SHA-256.",
                hint="Send the hash of its text, 64 hexadecimal digits.",
            )
        key = found[1].lower()
        known = self._documents.get(key)
        if query:
            if digest(query) != key:
                raise InvalidInput(
                    "The document is not the one with that hash.",
                    hint="Send the SHA-256 of exactly this text in UTF-8, or no text.",
                )
            if known is None and role in self._only:
                raise self._refused(role)
            return query
        if known is None:
            if role in self._only:
                raise self._refused(role)
            raise NotPersisted(
                "PersistedQueryNotFound",
                hint="Send the text along, or have the document built into the manifest of the server.",
            )
        return known

    @staticmethod
    def _refused(role: Role) -> OnlyPersisted:
        return OnlyPersisted(
            f"The role {role} may ask for persisted documents only.",
            hint="Have the document built into the manifest of the server; docs/persisted-documents.md.",
        )


def asked_identifier(body: Mapping[str, Any], extensions: Mapping[str, Any]) -> str | None:
    """The identifier that a request names: ``documentId``, ``id``, or ``extensions.persistedQuery.sha256Hash``.

    Raises InvalidInput where it is no text, or of a version of the convention that is unknown.
    """
    found = body.get("documentId", body.get("id"))
    persisted = extensions.get("persistedQuery")
    if persisted is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise InvalidInput(
                "extensions.persistedQuery is not understood.", hint='Send {"version": 1, "sha256Hash": "..."}.'
            )
        found = persisted.get("sha256Hash", found)
        if found is None:
            raise InvalidInput("extensions.persistedQuery has no sha256Hash.", hint="Send the hash of the text.")
    if not isinstance(found, str | None):
        raise InvalidInput("The identifier of the document is no text.", hint="Send the SHA-256 of its text.")
    return found


def read_manifests(path: Path) -> dict[str, str]:
    """The documents of a manifest, or of every manifest (``*.json``) in a folder, by hash.

    Raises ConfigurationError where there is none, or one can't be read, or a text does not have the hash it is under.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ConfigurationError(f"{path} has no manifest (*.json).", hint="`graph-crm documents build` writes one.")
    found: dict[str, str] = {}
    for file in files:
        found.update(_read(file))
    return found


def _read(file: Path) -> dict[str, str]:
    try:
        content: Any = orjson.loads(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}.", hint="Is the path right?") from error
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"{file} is no JSON.", hint="`graph-crm documents build` writes it.") from error
    documents: dict[str, str] = {}
    for identifier, text in _entries(file, content):
        if not isinstance(text, str) or not isinstance(identifier, str):
            raise ConfigurationError(f"{file} is no manifest.", hint="`graph-crm documents build` writes it.")
        if digest(text) != identifier.removeprefix("sha256:").lower():
            raise ConfigurationError(
                f"{file}: the text under {identifier[:80]} has another SHA-256.",
                hint="Build the manifest again; tools of others must be set to SHA-256.",
            )
        documents[digest(text)] = text
    return documents


def _entries(file: Path, content: Any) -> Iterable[tuple[Any, Any]]:
    operations = content.get("operations") if isinstance(content, dict) else None
    if isinstance(operations, list) and content.get("format") == FORMAT:
        return [(each.get("id"), each.get("body")) if isinstance(each, dict) else (None, None) for each in operations]
    if isinstance(content, dict):
        return content.items()
    raise ConfigurationError(f"{file} is no manifest.", hint="`graph-crm documents build` writes it.")
