"""Fetching the program: every jar of the lock, verified, into the cache of the user."""

from __future__ import annotations

import errno
import os
import shutil
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeAlias
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from filelock import FileLock
from jgo.constants import MAVEN_CENTRAL_URL
from urllib3.util import Retry, Timeout, parse_url

from graph_crm.errors import EngineError
from graph_crm.graph.engine.config import Progress, no_progress
from graph_crm.graph.engine.lock import Artifact, file_digest

PARALLEL = 8
ATTEMPTS = 4
SPARE_BYTES = 64 << 20
_CHUNK = 256 << 10
_PARTIAL_CONTENT = 206
_OK = 200
_NOT_SATISFIABLE = 416

Count: TypeAlias = Callable[[int], None]
"""Told how many bytes came in, negative where some were thrown away."""


def missing(artifacts: Sequence[Artifact], folder: Path) -> list[Artifact]:
    """The artifacts that ``folder`` lacks, or has in another size; contents are not read (see `damaged`)."""
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)} if folder.is_dir() else {}
    return [artifact for artifact in artifacts if sizes.get(artifact.filename) != artifact.size]


def damaged(artifacts: Sequence[Artifact], folder: Path) -> list[Artifact]:
    """The artifacts that ``folder`` lacks or whose sha256 is not that of the lock."""
    absent = set(missing(artifacts, folder))
    return [one for one in artifacts if one in absent or file_digest(folder / one.filename) != one.sha256]


def install(
    artifacts: Sequence[Artifact],
    folder: Path,
    *,
    repository: str | None = None,
    source: Path | None = None,
    progress: Progress = no_progress,
) -> None:
    """Bring every artifact into ``folder``: from the folder ``source`` if it is given, else from ``repository``.

    What is there and whole stays, a broken transfer goes on where it stopped, and a jar gets its name only after its
    sha256 was found right. Two processes that install at once do the work once. Raises EngineError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock"), thread_local=False):
        wanted = damaged(artifacts, folder)
        needed = sum(artifact.size for artifact in wanted)
        if needed and shutil.disk_usage(folder).free < needed + SPARE_BYTES:
            raise _disk_full(folder, needed)
        fetch = _Copier(source, folder) if source else _Downloader(repository or MAVEN_CENTRAL_URL, folder)
        _Transfer(fetch, needed, progress).run(wanted)


class _Transfer:
    """Fetches artifacts in parallel, counts bytes, and stops them all at the first failure."""

    def __init__(self, fetch: _Copier | _Downloader, total: int, progress: Progress) -> None:
        self._fetch = fetch
        self._total = total
        self._progress = progress
        self._done = 0
        self._guard = threading.Lock()
        self._stopped = threading.Event()

    def run(self, artifacts: Sequence[Artifact]) -> None:
        """Fetch them all; the largest first, so that none is left alone at the end."""
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="engine-install") as pool:
            largest_first = sorted(artifacts, key=lambda artifact: -artifact.size)
            jobs = [pool.submit(self._one, artifact) for artifact in largest_first]
            try:
                finished, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            finally:  # a failure or Ctrl-C: the others leave at their next chunk
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
            for job in finished:
                job.result()

    def _one(self, artifact: Artifact) -> None:
        try:
            for attempt in range(2):
                part = self._fetch.bring(artifact, self._count)
                if file_digest(part) == artifact.sha256:
                    part.replace(part.with_name(artifact.filename))
                    return
                # A part of an earlier day may be what is wrong: once more from the start, then it is the source.
                self._count(-part.stat().st_size)
                part.unlink()
                if attempt:
                    raise EngineError(
                        f"{artifact.coordinate} from {self._fetch.name} is not the locked file: its sha256 differs.",
                        hint="The source may be damaged or tampered with: try another --repository or --from.",
                    )
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise _disk_full(Path(error.filename or "the cache"), artifact.size) from error
            raise EngineError(f"{artifact.coordinate} can't be kept: {error}") from error

    def _count(self, size: int) -> None:
        if self._stopped.is_set():
            raise EngineError("The installation was stopped.")
        with self._guard:
            self._done += size
            self._progress("Fetching Neo4j", self._done, self._total)


class _Copier:
    """Takes jars from a folder: all of them beside each other, or in the Maven layout."""

    def __init__(self, source: Path, folder: Path) -> None:
        if not source.is_dir():
            raise EngineError(f"{source} is no folder.")
        self.name = str(source)
        self._source = source
        self._folder = folder

    def bring(self, artifact: Artifact, count: Count) -> Path:
        """Copy the jar; raises EngineError when the folder lacks it."""
        places = (self._source / artifact.filename, self._source / artifact.path)
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise EngineError(
                f"{self._source} lacks {artifact.filename} ({artifact.coordinate}).",
                hint="The folder must hold every jar of the lock, beside each other or in the Maven layout.",
            )
        part = self._folder / f"{artifact.filename}.part"
        shutil.copyfile(found, part)
        count(part.stat().st_size)
        return part


class _Downloader:
    """Fetches jars over HTTP, with the proxies and certificates that the environment names."""

    def __init__(self, repository: str, folder: Path) -> None:
        self.name = repository.rstrip("/")
        self._folder = folder
        self._http = _pool(self.name)

    def bring(self, artifact: Artifact, count: Count) -> Path:
        """Fetch the jar, going on where an earlier transfer stopped; raises EngineError when the line is down."""
        part = self._folder / f"{artifact.filename}.part"
        if part.is_file():
            count(part.stat().st_size)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._continue(artifact, part, count)
            except urllib3.exceptions.HTTPError as error:
                if attempt == ATTEMPTS:
                    raise EngineError(
                        f"{artifact.filename} can't be fetched from {self.name}: {_reason(error)}",
                        hint="Check the line and the proxy settings; what is fetched is kept. Machines without a "
                        "network take the jars from a folder (--from) or from your own repository (--repository).",
                    ) from error
            else:
                return part
        raise AssertionError("unreachable: the last attempt returned or raised")

    def _continue(self, artifact: Artifact, part: Path, count: Count) -> None:
        start = part.stat().st_size if part.is_file() else 0
        if start >= artifact.size:
            return
        headers = {"Range": f"bytes={start}-"} if start else {}
        response = self._http.request("GET", f"{self.name}/{artifact.path}", headers=headers, preload_content=False)
        with response:
            if response.status not in {_OK, _PARTIAL_CONTENT}:
                response.drain_conn()
                if response.status == _NOT_SATISFIABLE:
                    count(-start)
                    part.unlink()
                raise urllib3.exceptions.HTTPError(f"the repository answered {response.status} {response.reason or ''}")
            if response.status == _OK and start:  # the repository does not know ranges: from the start
                count(-start)
                start = 0
            with part.open("ab" if start else "wb") as file:
                for chunk in response.stream(_CHUNK):
                    file.write(chunk)
                    count(len(chunk))
        if part.stat().st_size < artifact.size:
            raise urllib3.exceptions.HTTPError("the transfer ended too early")


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return str(inner if isinstance(inner, BaseException) else error)


def _pool(repository: str) -> urllib3.PoolManager:
    """A connection pool with retries, the machine's proxies and the machine's certificates."""
    url = parse_url(repository)
    if url.scheme not in {"http", "https"} or not url.host:
        raise EngineError(f"{repository!r} is no address of a repository.", hint="It starts with https://")
    context = ssl.create_default_context()
    named = next((os.environ[name] for name in _CERTIFICATES if os.environ.get(name)), None)
    try:
        context.load_verify_locations(certifi.where())
        if named is not None:
            is_folder = Path(named).is_dir()
            context.load_verify_locations(None if is_folder else named, named if is_folder else None)
    except (OSError, ssl.SSLError) as error:
        raise EngineError(f"The certificates of {named} can't be read: {error}") from error
    retries = Retry(total=3, backoff_factor=0.3, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
    timeout = Timeout(connect=15, read=60)
    proxy = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    if proxy:
        return urllib3.ProxyManager(
            proxy, maxsize=PARALLEL, retries=retries, timeout=timeout, ssl_context=context, proxy_headers=_login(proxy)
        )
    return urllib3.PoolManager(maxsize=PARALLEL, retries=retries, timeout=timeout, ssl_context=context)


_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def _login(proxy: str) -> dict[str, str]:
    auth = parse_url(proxy).auth
    return dict(urllib3.make_headers(proxy_basic_auth=auth)) if auth else {}


def _disk_full(where: Path, needed: int) -> EngineError:
    return EngineError(
        f"The disk of {where} is full: {needed / 1e6:.0f} MB are needed.",
        hint="Make room, or move the cache with GRAPH_CRM_CACHE_DIR.",
    )
