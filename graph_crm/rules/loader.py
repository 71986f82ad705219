"""Finding and importing plugins: every Python file of the plugin folders, then the entry points of ``graph_crm``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from graph_crm.errors import RuleError
from graph_crm.rules.hookspecs import PROJECT

ENTRY_POINT_GROUP = PROJECT
MODULE_PREFIX = "graph_crm_plugin_"
NOT_PLUGINS = ("_", "test_", "conftest")
ANYTHING = (Exception, SystemExit)
"""What an author's code may raise and must not stop the rest with; `sys.exit` is no way out of the platform."""


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that was found, imported or not."""

    name: str
    origin: str
    """Its file, or the entry point that named it."""
    module: object | None
    problem: str | None = None
    """Why it could not be imported."""


def find(folders: Iterable[Path], *, installed: bool = True) -> list[Found]:
    """All plugins in loading order: folder by folder, file by file in alphabetical order, then entry points by name.

    Files whose names begin with ``_`` or ``test_`` are no plugins. A plugin that can't be imported is reported, never
    raised.
    """
    found = [load_file(file) for folder in folders for file in plugin_files(folder)]
    if installed:
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda one: one.name):
            origin = f"entry point {point.value}"
            try:
                found.append(Found(point.name, origin, point.load()))
            except ANYTHING as error:
                found.append(Found(point.name, origin, None, describe(error)))
    return found


def plugin_files(folder: Path) -> list[Path]:
    """The plugins of a folder, in loading order; a folder that is not there has none."""
    files = folder.glob("*.py") if folder.is_dir() else ()
    return sorted(file for file in files if not file.name.startswith(NOT_PLUGINS))


def load_file(file: Path) -> Found:
    """Import one plugin file anew; what goes wrong is told in the answer."""
    try:
        return Found(file.stem, str(file), import_file(file))
    except ANYTHING as error:
        return Found(file.stem, str(file), None, describe(error, file))


def import_file(file: Path) -> object:
    """Import one plugin file anew, under a name that can't meet another module's. Raises what the file raises."""
    file = file.absolute()  # as tracebacks and `Rule.place` name it, however it was named here
    module_name = MODULE_PREFIX + file.stem
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise RuleError(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    earlier = sys.modules.get(module_name)
    # Dataclasses and typing look a module up by its name while it runs.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if earlier is None:
            del sys.modules[module_name]
        else:
            sys.modules[module_name] = earlier
        raise
    return module


def describe(error: BaseException, file: Path | None = None) -> str:
    """An error in one line, with the line of the author's ``file`` where it arose."""
    text = f"{type(error).__name__}: {error}"
    line = line_in(error, file) if file is not None else None
    return f"line {line}: {text}" if line else text


def line_in(error: BaseException, file: Path) -> int | None:
    """The last line of ``file`` that was running when ``error`` arose."""
    name = str(file.absolute())
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
