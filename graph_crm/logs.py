"""Structured logs: one event a line, as text for people or as JSON for a collector; never personal data.

`configure` sends structlog, the standard library and uvicorn through the same processors. Log keys that could carry
personal data are masked here, in one place: a log line may name a party's id, never who that is.
"""

from __future__ import annotations

import io
import logging
import logging.handlers
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import Processor

MASK: Final = "***"
PERSONAL: Final = frozenset(
    {
        "name", "displayname", "givenname", "familyname", "legalname", "birthdate", "phone", "email", "value",
        "street", "postalcode", "identifiers", "searchtext", "note", "payload", "variables", "parameters", "token",
        "authorization", "password", "secret", "jwt_secret", "neo4j_password", "account", "counteraccount", "query",
    }
)  # fmt: skip
# What somebody's server says of a mail it refused, or a library of a value it can't use, holds the value itself.
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:\[\]{}=/|]+@[^\s<>\"'(),;:\[\]{}]+")
_PHONE: Final = re.compile(r"\+\d{7,15}(?!\d)")
_CONTROL: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")
# Local variables of a frame may hold a customer's data: a trace shows lines of code only.
_TRACES: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
LOG_FILE_BYTES: Final = 10_000_000
LOG_FILES_KEPT: Final = 3


def without_addresses(text: str) -> str:
    """The text with e-mail addresses and phone numbers masked, wherever they stand in it."""
    if "@" in text:
        text = _ADDRESS.sub(MASK, text)
    return _PHONE.sub(MASK, text) if "+" in text else text


def without_personal_data(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask the values of keys that could hold personal data or a secret, and addresses in any text."""
    for key, value in event.items():
        if key.replace("_", "").lower() in PERSONAL or key.lower() in PERSONAL:
            event[key] = MASK
        elif isinstance(value, dict):
            event[key] = without_personal_data(None, "", dict(value))
        else:
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    """The value without addresses, also inside lists and dictionaries."""
    if isinstance(value, str):
        return without_addresses(value)
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return {name: _masked(each) for name, each in value.items()} if isinstance(value, dict) else value


def _told_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A trace for machines; an error's own words may name an address."""
    if "exception" in event:
        event["exception"] = _masked(event["exception"])
    return event


def _trace(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """A trace for people; an error's own words may name an address."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    # Lines of a trace stand further in than those of the log, so that an error's words can't look like one of them.
    lines = without_addresses(text.getvalue()).split("\n")
    out.write("\n".join(f"  {_visible(line)}" if line else line for line in lines))


def _visible(text: str) -> str:
    """The text on one line: what would end the line or move the cursor is written as an escape."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event for people, on one line whatever its values hold; JSON escapes by itself."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _visible(value)
    return event


def configure(
    *,
    form: Literal["console", "json"] = "console",
    level: str = "info",
    file: Path | None = None,
    only_in_file: frozenset[str] = frozenset(),
) -> None:
    """Send every log of this process to stderr in ``form``, and to ``file`` (always JSON, rotated) where one is named.

    Warnings of the loggers ``only_in_file`` are not shown on stderr, their errors are. Calling it again replaces what
    was set before.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        without_personal_data,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        if getattr(handler, "of_graph_crm", False):
            root.removeHandler(handler)
            handler.close()
    screen: logging.Handler = logging.StreamHandler(sys.stderr)
    screen.setFormatter(_formatter(form, shared))
    screen.addFilter(lambda record: record.levelno > logging.WARNING or record.name not in only_in_file)
    handlers = [screen]
    if file is not None:
        kept = _LogFile(file, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8", delay=True)
        kept.setFormatter(_formatter("json", shared))
        handlers.append(kept)
    for handler in handlers:
        handler.of_graph_crm = True  # type: ignore[attr-defined] # our mark, to find it again
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # The driver's notifications repeat the statement; what matters of them reaches the caller as an error.
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)


class _LogFile(logging.handlers.RotatingFileHandler):
    """A rotated file whose folder is made with its first line; where it can't be written, work goes on without it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            folder = Path(self.baseFilename).parent
            folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # the data folder, if this is its first file
            folder.mkdir(exist_ok=True, mode=0o700)
        except OSError:
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name in the standard library
        """Be silent about a full or protected disk: a trace for each line would hide what the command says."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configured() -> bool:
    """Whether `configure` was called in this process."""
    return any(getattr(handler, "of_graph_crm", False) for handler in logging.getLogger().handlers)


def _formatter(form: str, shared: list[Processor]) -> logging.Formatter:
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        last += [_TRACES, _told_trace, structlog.processors.JSONRenderer()]
    else:
        console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_trace)
        last += [_on_one_line, console]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of ``name`` (a module's ``__name__``): ``log.info("what_happened", key=value)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
