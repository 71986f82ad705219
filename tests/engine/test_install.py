"""What is in the cache is what the lock says, however the transfer went."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest

from graph_crm.errors import EngineError
from graph_crm.graph.engine.install import damaged, install
from graph_crm.graph.engine.lock import Artifact

CONTENTS = {name: name.encode() * 100_000 for name in ("alpha", "beta", "gamma")}
ARTIFACTS = tuple(
    Artifact("org.example", name, "1.0", None, sha256(content).hexdigest(), len(content))
    for name, content in CONTENTS.items()
)
BY_PATH = {f"/repo/{artifact.path}": CONTENTS[artifact.name] for artifact in ARTIFACTS}


class Repository:
    """A repository of this machine that can be told to misbehave."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.break_after: dict[str, int] = {}  # path -> bytes, once
        self.wrong: set[str] = set()
        self.knows_ranges = True
        self.status = 200
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    def __init__(self, repository: Repository, *arguments: object) -> None:
        self.repository = repository
        super().__init__(*arguments)

    def do_GET(self) -> None:
        repository, path = self.repository, urlparse(self.path).path
        repository.asked[path.rpartition("/")[2]] += 1
        content = BY_PATH[path]
        if path in repository.wrong:
            content = content[::-1]
        start = 0
        if self.headers["Range"]:
            repository.ranges.append(self.headers["Range"])
            if repository.knows_ranges:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(repository.status if repository.status != 200 else 206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = repository.break_after.pop(path, None)
        self.wfile.write(content[start:end])
        if end is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served = Repository()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, served))
    served.url = f"http://127.0.0.1:{server.server_port}/repo/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "jars"


def whole(folder: Path) -> bool:
    return {file.name: file.read_bytes() for file in folder.iterdir()} == {
        artifact.filename: CONTENTS[artifact.name] for artifact in ARTIFACTS
    }


def test_everything_is_fetched_and_progress_ends_at_the_total(repository: Repository, cache: Path):
    seen: list[tuple[int, int]] = []
    install(ARTIFACTS, cache, repository=repository.url, progress=lambda _, done, total: seen.append((done, total)))
    assert whole(cache)
    assert seen[-1] == (sum(artifact.size for artifact in ARTIFACTS),) * 2


def test_what_is_there_is_not_fetched_again(repository: Repository, cache: Path):
    install(ARTIFACTS, cache, repository=repository.url)
    install(ARTIFACTS, cache, repository=repository.url)
    assert set(repository.asked.values()) == {1}


def test_two_installations_at_once_do_the_work_once(repository: Repository, cache: Path):
    threads = [
        threading.Thread(target=install, args=(ARTIFACTS, cache), kwargs={"repository": repository.url})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole(cache)
    assert set(repository.asked.values()) == {1}


def test_a_damaged_jar_is_found_and_fetched_again(repository: Repository, cache: Path):
    install(ARTIFACTS, cache, repository=repository.url)
    jar = cache / ARTIFACTS[0].filename
    jar.write_bytes(jar.read_bytes()[::-1])  # same name, same size
    assert damaged(ARTIFACTS, cache) == [ARTIFACTS[0]]
    install(ARTIFACTS, cache, repository=repository.url)
    assert whole(cache)


def test_a_broken_transfer_goes_on_where_it_stopped(repository: Repository, cache: Path):
    repository.break_after[f"/repo/{ARTIFACTS[0].path}"] = 300_000
    install(ARTIFACTS, cache, repository=repository.url)
    assert whole(cache)
    (asked,) = repository.ranges
    assert 0 < int(asked.removeprefix("bytes=").removesuffix("-")) <= 300_000


def test_a_repository_without_ranges_starts_the_jar_again(repository: Repository, cache: Path):
    repository.knows_ranges = False
    repository.break_after[f"/repo/{ARTIFACTS[0].path}"] = 1000
    install(ARTIFACTS, cache, repository=repository.url)
    assert whole(cache)


def test_the_rest_of_an_interrupted_installation_is_used_by_the_next(repository: Repository, cache: Path):
    cache.mkdir(parents=True)
    artifact = ARTIFACTS[1]
    (cache / f"{artifact.filename}.part").write_bytes(CONTENTS["beta"][:5000])
    install(ARTIFACTS, cache, repository=repository.url)
    assert whole(cache)
    assert repository.ranges == ["bytes=5000-"]


def test_a_damaged_rest_costs_one_more_transfer(repository: Repository, cache: Path):
    cache.mkdir(parents=True)
    (cache / f"{ARTIFACTS[1].filename}.part").write_bytes(b"?" * 5000)
    install(ARTIFACTS, cache, repository=repository.url)
    assert whole(cache)


def test_a_file_that_is_not_the_locked_one_never_gets_its_name(repository: Repository, cache: Path):
    repository.wrong.add(f"/repo/{ARTIFACTS[2].path}")
    with pytest.raises(EngineError, match="not the locked file"):
        install(ARTIFACTS, cache, repository=repository.url)
    assert not (cache / ARTIFACTS[2].filename).exists()


def test_a_line_that_is_down_is_one_clear_error(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("graph_crm.graph.engine.install.Retry", lambda **_: False)
    with pytest.raises(EngineError, match=r"can't be fetched from http://127\.0\.0\.1:9") as error:
        install(ARTIFACTS, cache, repository="http://127.0.0.1:9/repo")
    assert "--from" in str(error.value.hint)


def test_an_answer_that_is_no_jar_is_named(repository: Repository, cache: Path):
    repository.status = 404
    with pytest.raises(EngineError, match="404"):
        install(ARTIFACTS, cache, repository=repository.url)


def test_a_full_disk_is_said_before_anything_is_fetched(
    repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(EngineError, match="full"):
        install(ARTIFACTS, cache, repository=repository.url)
    assert not repository.asked


def test_the_proxy_of_the_machine_is_used(repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", repository.url)  # the server answers requests for any host
    monkeypatch.setenv("no_proxy", "")
    install(ARTIFACTS, cache, repository="http://repository.invalid/repo")
    assert whole(cache)


@pytest.mark.parametrize("layout", ["flat", "maven"])
def test_a_machine_without_a_network_takes_the_jars_from_a_folder(tmp_path: Path, cache: Path, layout: str):
    source = tmp_path / "source"
    for artifact in ARTIFACTS:
        place = source / (artifact.filename if layout == "flat" else artifact.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(CONTENTS[artifact.name])
    install(ARTIFACTS, cache, source=source)
    assert whole(cache)


def test_a_damaged_jar_in_the_folder_is_refused_and_named(tmp_path: Path, cache: Path):
    for artifact in ARTIFACTS:
        (tmp_path / artifact.filename).write_bytes(b"?" * artifact.size)
    with pytest.raises(EngineError, match="not the locked file"):
        install(ARTIFACTS, cache, source=tmp_path)
    assert not list(cache.glob("*.jar"))


def test_a_folder_that_lacks_a_jar_says_which(tmp_path: Path, cache: Path):
    with pytest.raises(EngineError, match=r"lacks \w+-1.0.jar"):
        install(ARTIFACTS, cache, source=tmp_path)
