"""A store that was started once, to copy from: a first start costs twice a later one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graph_crm.graph.engine import Engine, EngineConfig


@pytest.fixture(scope="session")
def prepared_store(engine_cache: Path, engine_version: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose engine was started and stopped in order."""
    folder = tmp_path_factory.mktemp("prepared")
    with Engine(_config(folder, engine_cache, engine_version)):
        pass
    return folder


@pytest.fixture
def config(prepared_store: Path, engine_cache: Path, engine_version: str, tmp_path: Path) -> EngineConfig:
    """An engine with a store of its own; it does not run yet."""
    data = tmp_path / "data"
    shutil.copytree(prepared_store, data)
    return _config(data, engine_cache, engine_version)


def _config(data: Path, cache: Path, version: str) -> EngineConfig:
    return EngineConfig(data_dir=data, cache_dir=cache, version=version, heap_mb=512, pagecache_mb=128)
