"""The lock: which jars make one version of Neo4j, each with its sha256 and its size in bytes, and no address.

One line an artifact: ``group:artifact[:classifier]:version sha256 size``; lines that start with ``#`` are comments.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from graph_crm.errors import EngineError

_LINE = re.compile(r"(?P<coordinate>[\w.-]+(?::[\w.-]+){2,3}) (?P<sha256>[0-9a-f]{64}) (?P<size>\d+)")


@dataclass(frozen=True)
class Artifact:
    """One jar of the lock; ``size`` is in bytes."""

    group: str
    name: str
    version: str
    classifier: str | None
    sha256: str
    size: int

    @classmethod
    def parse(cls, line: str) -> Artifact:
        """Read one line of a lock; raises ValueError when it isn't one."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of a lock: {line!r}")
        group, name, *middle, version = match["coordinate"].split(":")
        return cls(group, name, version, middle[0] if middle else None, match["sha256"], int(match["size"]))

    @classmethod
    def of_file(cls, group: str, name: str, version: str, classifier: str | None, path: Path) -> Artifact:
        """Describe the jar at ``path``."""
        return cls(group, name, version, classifier or None, file_digest(path), path.stat().st_size)

    @property
    def coordinate(self) -> str:
        """``group:artifact[:classifier]:version``."""
        return ":".join(part for part in (self.group, self.name, self.classifier, self.version) if part)

    @property
    def filename(self) -> str:
        """The jar's name, as Maven names it."""
        return f"{self.name}-{self.version}{f'-{self.classifier}' if self.classifier else ''}.jar"

    @property
    def path(self) -> str:
        """Where the jar lies in a repository in the Maven layout, with forward slashes."""
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.filename}"

    def __str__(self) -> str:
        return f"{self.coordinate} {self.sha256} {self.size}"


def file_digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_lock(text: str) -> tuple[Artifact, ...]:
    """Read a lock; raises ValueError where a line is none, or when two jars would have one name."""
    artifacts = tuple(
        Artifact.parse(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith("#")
    )
    if not artifacts:
        raise ValueError("the lock is empty")
    if len({artifact.filename for artifact in artifacts}) != len(artifacts):
        raise ValueError("two artifacts of the lock have the same file name")
    return artifacts


def format_lock(version: str, artifacts: Iterable[Artifact]) -> str:
    """Write a lock, sorted, so that two locks can be compared."""
    lines = "\n".join(str(artifact) for artifact in sorted(artifacts, key=str))
    return f"# Neo4j Community {version}: group:artifact[:classifier]:version sha256 size\n{lines}\n"


def locked_versions() -> tuple[str, ...]:
    """The versions of Neo4j that this release has a lock for."""
    names = (file.name for file in _locks().iterdir() if file.name.endswith(".lock"))
    return tuple(sorted(name.removeprefix("neo4j-").removesuffix(".lock") for name in names))


def read_lock(version: str) -> tuple[Artifact, ...]:
    """The lock of ``version``; raises EngineError when this release has none."""
    file = _locks() / f"neo4j-{version}.lock"
    if version not in locked_versions():
        raise EngineError(
            f"There is no lock for Neo4j {version}.", hint=f"This release knows {', '.join(locked_versions())}."
        )
    return parse_lock(file.read_text(encoding="utf-8"))


def _locks() -> Path:
    return Path(str(resources.files("graph_crm.graph.engine") / "locks"))


def resolve(version: str, *, repository: str | None = None) -> tuple[Artifact, ...]:
    """Work out which jars ``version`` needs (maintainers: `graph-crm engine lock`); walks the POMs, about a minute.

    Raises EngineError when the version does not exist or the line is down.
    """
    context = MavenContext(remote_repos={"repository": repository or MAVEN_CENTRAL_URL})
    wanted = [
        context.create_dependency(f"org.neo4j:neo4j:{version}"),
        context.create_dependency(f"org.neo4j.app:neo4j-server:{version}"),
    ]
    try:
        inputs, transitive = context.resolver.resolve(wanted)
        found = [dependency.artifact for dependency in (*inputs, *transitive) if dependency.scope != "provided"]
        return tuple(
            Artifact.of_file(one.groupId, one.artifactId, one.version, one.classifier, one.resolve())
            for one in found
            if one.packaging == "jar"
        )
    except (OSError, RuntimeError, ValueError) as error:  # what jgo raises: no class of its own
        raise EngineError(f"Neo4j {version} can't be resolved: {error}") from error


def of_folder(folder: Path) -> tuple[Artifact, ...]:
    """The artifacts of a folder in the Maven layout; raises EngineError when it is none.

    ``mvn dependency:copy-dependencies -Dmdep.useRepositoryLayout=true -DincludeScope=runtime`` makes such a folder.
    """
    found = []
    for jar in folder.rglob("*.jar"):
        *group, name, version, file = jar.relative_to(folder).parts
        if not group or not file.startswith(f"{name}-{version}"):
            raise EngineError(f"{jar} does not lie where the Maven layout puts it.")
        classifier = file.removeprefix(f"{name}-{version}").removesuffix(".jar").removeprefix("-")
        found.append(Artifact.of_file(".".join(group), name, version, classifier, jar))
    if not found:
        raise EngineError(f"{folder} holds no jars.")
    return tuple(found)
