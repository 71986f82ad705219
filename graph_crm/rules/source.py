"""Reading a plugin's source without running it: what it imports, what it calls, how its hooks and rules are written."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, fields
from pathlib import Path

import graph_crm.rules as authors
from graph_crm.rules.hookspecs import Hooks, hook_names
from graph_crm.rules.results import Rule

PLATFORM = "graph_crm"
ALLOWED = f"{PLATFORM}.rules"
CARRIERS = f"{ALLOWED}.delivery"
"""What a plugin imports that carries messages: it speaks to the outside world, which is its very work."""
DESK = f"{ALLOWED}.requests"
"""What a plugin imports that has a word about service requests."""
FORBIDDEN = ("neo4j", "strawberry")
OUTSIDE = frozenset(
    {"aiohttp", "asyncio", "ftplib", "http", "httpx", "os", "pathlib", "random", "requests", "secrets", "shutil",
     "smtplib", "socket", "sqlite3", "subprocess", "threading", "time", "urllib"}
)  # fmt: skip
"""Modules that reach outside of the snapshot: files, networks, clocks, chance, threads."""
OUTSIDE_CALLS = {
    "print": "A rule runs for thousands of customers: say it in a reason.",
    "input": "Nobody answers.",
    "open": "A rule reads its snapshot and nothing else.",
    "breakpoint": "Take it out.",
    "eval": "Write what you mean.",
    "exec": "Write what you mean.",
}
CLOCKS = frozenset({"now", "utcnow", "today"})
RULE_FIELDS = tuple(one.name for one in fields(Rule) if one.name != "place")
RULE_REQUIRED = ("id", "title", "when", "offer", "channels", "reasons")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, or a warning: where, what kind, what is wrong, what to do about it."""

    file: Path
    line: int
    code: str
    """SYNTAX, IMPORT, OUTSIDE, CLOCK, HOOK, RULE, PRODUCT, EVENT, DUPLICATE, NEVER, REASON, TYPE or LOAD; CLASS
    warns."""
    message: str
    hint: str | None = None
    inside: tuple[int, int] | None = None
    """First and last line of the whole call that is wrong."""

    @property
    def warns(self) -> bool:
        """Whether it may be meant: somebody should look at it, nothing has to be changed."""
        return self.code == "CLASS"

    @property
    def stops_import(self) -> bool:
        """Whether the file must not be run to look further."""
        return self.code in ("SYNTAX", "IMPORT", "OUTSIDE")

    def __str__(self) -> str:
        stop = "" if not self.hint or self.message.endswith((".", "?", "!")) else "."
        return f"{self.file}:{self.line}: {self.code}: {self.message}{stop}" + (f" {self.hint}" if self.hint else "")

    def covers(self, line: int) -> bool:
        """Whether what goes wrong in this line when the file is run has been found here."""
        return line == self.line or (self.inside is not None and self.inside[0] <= line <= self.inside[1])


def read_source(file: Path) -> list[Finding]:
    """What can be seen without running the file."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        return [Finding(file, error.lineno or 1, "SYNTAX", str(error.msg))]
    except (OSError, ValueError) as error:
        return [Finding(file, 1, "SYNTAX", f"can't be read: {error}")]
    carries = any(isinstance(node, ast.ImportFrom) and node.module == CARRIERS for node in ast.walk(tree))
    reader = _Reader(file, carries=carries)
    reader.visit(tree)
    if not reader.hooks and not reader.findings:
        reader.say(tree, "HOOK", "the file implements no hook", f"Mark a function with @hookimpl: {_names()}.")
    return reader.findings


def answer_line(file: Path, hook: str) -> int | None:
    """The line of the last ``return`` of a hook, where its answer is written; that of its ``def`` without one."""
    for node in ast.parse(file.read_bytes(), str(file)).body:
        if isinstance(node, ast.FunctionDef) and node.name == hook:
            returns = [one.lineno for one in ast.walk(node) if isinstance(one, ast.Return)]
            return max(returns, default=node.lineno)
    return None


def _names() -> str:
    return ", ".join(hook_names())


class _Reader(ast.NodeVisitor):
    def __init__(self, file: Path, *, carries: bool) -> None:
        self.file = file
        self._carries = carries
        self.findings: list[Finding] = []
        self.hooks: list[str] = []
        self._depth = 0

    def say(
        self, node: ast.AST, code: str, message: str, hint: str | None = None, *, inside: ast.Call | None = None
    ) -> None:
        span = (inside.lineno, inside.end_lineno or inside.lineno) if inside else None
        self.findings.append(Finding(self.file, getattr(node, "lineno", 1), code, message, hint, span))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._module(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            self.say(node, "IMPORT", "a plugin is one file: it has no neighbours to import from")
            return
        module = node.module or ""
        if module == PLATFORM and all(alias.name == "rules" for alias in node.names):
            return
        self._module(node, module)
        if module == ALLOWED:
            for alias in node.names:
                if alias.name not in authors.__all__:
                    close = difflib.get_close_matches(alias.name, authors.__all__, n=1)
                    hint = f"Did you mean {close[0]}?" if close else f"It has: {', '.join(authors.__all__)}."
                    self.say(node, "IMPORT", f"{ALLOWED} has no {alias.name} for plugins", hint)

    def _module(self, node: ast.AST, module: str) -> None:
        root = module.partition(".")[0]
        if root in FORBIDDEN:
            self.say(node, "IMPORT", f"a plugin must not import {root}", "What a rule may know is in its snapshot.")
        elif root == PLATFORM and module not in (ALLOWED, CARRIERS, DESK):
            self.say(node, "IMPORT", f"{module} is inside the platform", f"Import from {ALLOWED} only.")
        elif root in OUTSIDE and not self._carries:
            self.say(
                node,
                "OUTSIDE",
                f"a rule must not use {root}: the same customer must give the same answer, at once",
                "Use what is in the snapshot.",
            )

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Name):
            if called.id in OUTSIDE_CALLS:
                self.say(node, "OUTSIDE", f"a rule must not call {called.id}()", OUTSIDE_CALLS[called.id])
            if called.id == "Rule":
                self._rule(node)
        elif isinstance(called, ast.Attribute) and called.attr in CLOCKS:
            root = ast.unparse(called.value)
            if root.split(".")[-1] in ("datetime", "date"):
                self.say(
                    node,
                    "CLOCK",
                    f"a rule must not ask the clock: {root}.{called.attr}()",
                    "Use snapshot.now or snapshot.as_of, so that it can be asked about any day.",
                )
        self.generic_visit(node)

    def _rule(self, node: ast.Call) -> None:
        if node.args:
            self.say(node, "RULE", "Rule takes named arguments only", "Rule(id=..., title=..., when=...)", inside=node)
        given = {one.arg: one.value for one in node.keywords if one.arg}
        spread = any(one.arg is None for one in node.keywords)
        for name in RULE_REQUIRED:
            if name not in given and not spread:
                self.say(node, "RULE", f"the rule has no {name}", inside=node)
        for name in set(given) - set(RULE_FIELDS):
            close = difflib.get_close_matches(name, RULE_FIELDS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It has: {', '.join(RULE_FIELDS)}."
            self.say(given[name], "RULE", f"a rule has no {name}", hint, inside=node)
        when = given.get("when")
        for part in ast.walk(when) if when is not None else ():
            if isinstance(part, ast.BoolOp) or (isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)):
                text = "conditions don't combine with and, or, not"
                self.say(part, "RULE", text, "Use &, | and ~.", inside=node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        if self._marked(node):
            self.hooks.append(node.name)
            self.say(node, "HOOK", f"hook {node.name} must not be async", "It has nothing to wait for.")
        self._inside(node)

    def _function(self, node: ast.FunctionDef) -> None:
        if self._marked(node):
            self.hooks.append(node.name)
            self._hook(node)
        elif self._depth == 0 and node.name in hook_names():
            self.hooks.append(node.name)
            self.say(node, "HOOK", f"{node.name} is a hook's name, but is not marked", "Write @hookimpl above it.")
        self._inside(node)

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    @staticmethod
    def _marked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        names = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
        return any(ast.unparse(one).split(".")[-1] == "hookimpl" for one in names)

    def _hook(self, node: ast.FunctionDef) -> None:
        if node.name not in hook_names():
            close = difflib.get_close_matches(node.name, hook_names(), n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Hooks: {_names()}."
            self.say(node, "HOOK", f"there is no hook {node.name}", hint)
            return
        code = vars(Hooks)[node.name].__code__
        known = code.co_varnames[1 : code.co_argcount]
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            if argument.arg not in known:
                takes = ", ".join(known) or "nothing"
                self.say(argument, "HOOK", f"hook {node.name} is not given {argument.arg}", f"It is given: {takes}.")
