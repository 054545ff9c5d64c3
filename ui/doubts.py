"""What an import asks where an export does not tell: which program wrote it, in which time zone, and which number of a date is the day.

Questions come only where somebody can answer, and only once: the same answer holds for every export like it.
"""

from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from clone_agent.archive import Archive
from clone_agent.errors import AmbiguousError, ExportError, UsageError
from clone_agent.importers import formats_of, order_doubt
from clone_agent.importers.dates import Order
from clone_agent.importers.format import system_zone
from clone_agent.importers.table import FORMATS
from ui.config import parse_zone
from ui.options import is_asked
from ui.show import Screen

ZONE_FACT = "timezone"  # what the user answered before


class Settled(NamedTuple):
    """How to read an export."""

    format_name: str | None  # None: by content
    zone: ZoneInfo | None  # of times that name none
    date_order: Order | None  # of dates that do not tell it


class Doubts:
    """The doubts of one import and their answers."""

    def __init__(
        self,
        archive: Archive,
        screen: Screen,
        *,
        zone: ZoneInfo | None,
        format_name: str | None,
        date_order: Order | None = None,
        is_table: bool = False,
    ) -> None:
        known = archive.fact(ZONE_FACT)
        self._archive = archive
        self._screen = screen
        self._zone = zone or (parse_zone(known) if known else None)
        self._format = format_name
        self._order = date_order
        self._is_table = is_table  # the user named columns
        self._chosen: dict[tuple[str, ...], str] = {}

    def settle(self, path: Path) -> Settled:
        """How to read an export.

        Raises:
            ExportError: it is no export, or ambiguous and nobody can be asked.
        """
        format_name = self._format
        try:
            formats = formats_of(path, format_name=format_name, is_table=self._is_table)
        except AmbiguousError as doubt:
            if not is_asked():
                raise
            format_name = self._choose(path, doubt.choices)
            formats = formats_of(path, format_name=format_name, is_table=self._is_table)
        if self._zone is None and is_asked() and not all(one.names_zone for one in formats):
            self._zone = self._ask_zone(path)
            self._archive.keep_fact(ZONE_FACT, self._zone.key)
        if self._order is None and (date := order_doubt(path, format_name=format_name, is_table=self._is_table)) is not None:
            self._order = self._ask_order(path, date)
        return Settled(format_name, self._zone, self._order)

    def _choose(self, path: Path, choices: tuple[str, ...]) -> str:
        if choices not in self._chosen:
            titles = {one.name: one.title for one in FORMATS}
            rows = [(number, titles[name], name) for number, name in enumerate(choices, start=1)]
            self._screen.table(("", "what", "name"), rows, numbers=(0,), to_stderr=True)
            number = click.prompt(f"What wrote {path.name}? Number", type=click.IntRange(1, len(choices)), err=True)
            self._chosen[choices] = choices[number - 1]
        return self._chosen[choices]

    def _ask_order(self, path: Path, date: str) -> Order:
        """One answer holds for the whole import: one phone writes all its chats alike."""
        if not is_asked():
            raise ExportError(
                f"{path.name}: dates like {date} may begin with the day or the month.",
                remedy="Say which with --dates day-first or --dates month-first.",
            )
        self._screen.note(f"{path.name} has dates like {date}, and none that tells whether the day or the month comes first.")
        return Order(click.prompt("Which comes first", type=click.Choice([order.value for order in Order]), err=True))

    def _ask_zone(self, path: Path) -> ZoneInfo:
        self._screen.note(f"{path.name} has clock times without a time zone.")
        while True:
            answer = click.prompt("In which zone were they written", default=system_zone().key, err=True)
            try:
                return parse_zone(answer)
            except UsageError as error:
                self._screen.warn(f"{error.problem} {error.remedy}")
