"""What the user sees in the terminal: results on stdout, everything else on stderr.

With `--json` stdout carries one JSON object and nothing else. Progress bars and warnings go to stderr, bars only to a terminal. rich knows
how wide Chinese characters are, so tables stay straight.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from io import TextIOWrapper, UnsupportedOperation
from typing import TYPE_CHECKING, Protocol, TextIO

from clone_agent.errors import CloneError

if TYPE_CHECKING:
    from rich.console import Console


class Advance(Protocol):
    """Moves a progress bar: how much is done, of how much (None: unknown), and what to say beside it."""

    def __call__(self, done: int, total: int | None = None, note: str = "", /) -> None:
        """Move it."""
        ...


# A pipe has no width; a narrower guess would cut the words of a table that somebody greps.
_PIPE_WIDTH = 160


class Screen:
    """Where one command writes. With `as_json` only `result` reaches stdout; a `beside` screen writes to stderr alone."""

    def __init__(self, *, as_json: bool = False, beside: bool = False) -> None:
        self.as_json = as_json
        self._beside = beside or as_json

    @property
    def is_beside(self) -> bool:
        """Whether results for people go to stderr."""
        return self._beside

    @cached_property
    def out(self) -> "Console":
        """The console of results: stdout, or stderr when stdout belongs to JSON."""
        return _console(sys.stderr if self._beside else sys.stdout)

    @cached_property
    def err(self) -> "Console":
        """The console of progress and warnings."""
        return _console(sys.stderr)

    def say(self, text: str = "") -> None:
        """Print a line of the result for people."""
        self.out.print(text, markup=False, highlight=False, soft_wrap=True)
        self.out.file.flush()  # a pipe shows each step when it is done

    def note(self, text: str) -> None:
        """Print a line that is not part of the result."""
        self.err.print(text, markup=False, highlight=False, soft_wrap=True, style="dim")

    def warn(self, text: str) -> None:
        """Print a warning."""
        self.err.print(text, markup=False, highlight=False, soft_wrap=True, style="yellow")

    def next(self, *commands: str) -> None:
        """Say which command comes next."""
        for command in commands:
            self.say(f"Next: {command}")

    def result(self, fields: Mapping[str, object]) -> None:
        """Print the machine-readable result, when it was asked for."""
        if self.as_json:
            is_readable = "utf" in (sys.stdout.encoding or "").lower()  # elsewhere escapes are the only JSON that everybody reads
            sys.stdout.write(json.dumps(fields, ensure_ascii=not is_readable, default=_plain) + "\n")
            sys.stdout.flush()

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        numbers: Sequence[int] = (),
        faint: Collection[tuple[int, int]] = (),
        title: str | None = None,
        to_stderr: bool = False,
    ) -> None:
        """Print rows below column names.

        Args:
            columns: the names.
            rows: as many cells as there are columns; printed as text, never as markup.
            numbers: positions of the columns to align right.
            faint: (row, column) of the cells to print in grey.
            title: printed above.
            to_stderr: the table is no result but belongs to a question or a warning.
        """
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position in numbers else "left", overflow="fold")
        for line, row in enumerate(rows):
            table.add_row(*(Text(str(cell), style="dim" if (line, column) in faint else "") for column, cell in enumerate(row)))
        (self.err if to_stderr else self.out).print(table)

    @contextmanager
    def progress(self, label: str, *, unit: str = "") -> Iterator[Advance]:
        """Show a bar on stderr while the block runs, if stderr is a terminal."""
        if not sys.stderr.isatty():
            yield lambda done, total=None, note="", /: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=self.err, transient=True) as bar:
            task = bar.add_task(label, total=None, note="")
            yield lambda done, total=None, note="", /: bar.update(task, completed=done, total=total, note=note)


def print_anything() -> None:
    """Let stdin, stdout and stderr take everything: what their encoding has no sign for (an emoji in GBK) becomes a question mark."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            with suppress(UnsupportedOperation):  # somebody has read of it before: it is as it is
                stream.reconfigure(errors="replace")


def show_error(error: CloneError) -> None:
    """Print an expected error: the problem, then what to do. No traceback."""
    console = _console(sys.stderr)
    console.print(f"Error: {error.problem}", markup=False, highlight=False, soft_wrap=True, style="red")
    console.print(error.remedy, markup=False, highlight=False, soft_wrap=True)


def show_unexpected(error: BaseException) -> None:
    """Print where a fault of the program happened, without its message: that may hold somebody's words."""
    lines = [f"Unexpected {type(error).__name__}. This is a fault of the program; please report these lines:"]
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    _console(sys.stderr).print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def typed(path: object) -> str:
    """A path as one types it in a shell: in quotes where it holds blanks or signs that mean something there."""
    text = str(path)
    if re.fullmatch(r"[\w@%+=:,./~\\-]+", text):
        return text
    return f'"{text}"' if os.name == "nt" else shlex.quote(text)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 chat`, `18,204 messages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes for people: `3.4 MB`."""
    amount = float(number)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def day(moment: datetime | None) -> str:
    """A date in its own zone, or a dash."""
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    return str(value)


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH, emoji=False)
