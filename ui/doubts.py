"""What an import asks where an export does not tell: which program wrote it, and in which time zone.

Questions come only where somebody can answer, and only once: the same answer holds for every export like it.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from clone_agent.archive import Archive
from clone_agent.errors import AmbiguousError, UsageError
from clone_agent.importers import formats_of
from clone_agent.importers.format import system_zone
from clone_agent.importers.table import FORMATS
from ui.config import parse_zone
from ui.options import is_asked
from ui.show import Screen

ZONE_FACT = "timezone"  # what the user answered before


class Doubts:
    """The doubts of one import and their answers."""

    def __init__(self, archive: Archive, screen: Screen, *, zone: ZoneInfo | None, format_name: str | None) -> None:
        known = archive.fact(ZONE_FACT)
        self._archive = archive
        self._screen = screen
        self._zone = zone or (parse_zone(known) if known else None)
        self._format = format_name
        self._chosen: dict[tuple[str, ...], str] = {}

    def settle(self, path: Path) -> tuple[str | None, ZoneInfo | None]:
        """The format to read an export as, None where its content tells, and the zone of times that name none.

        Raises:
            ExportError: it is no export, or ambiguous and nobody can be asked.
        """
        format_name = self._format
        try:
            formats = formats_of(path, format_name=format_name)
        except AmbiguousError as doubt:
            if not is_asked():
                raise
            format_name = self._choose(path, doubt.choices)
            formats = formats_of(path, format_name=format_name)
        if self._zone is None and is_asked() and not all(one.names_zone for one in formats):
            self._zone = self._ask_zone(path)
            self._archive.keep_fact(ZONE_FACT, self._zone.key)
        return format_name, self._zone

    def _choose(self, path: Path, choices: tuple[str, ...]) -> str:
        if choices not in self._chosen:
            titles = {one.name: one.title for one in FORMATS}
            rows = [(number, titles[name], name) for number, name in enumerate(choices, start=1)]
            self._screen.table(("", "what", "name"), rows, numbers=(0,), to_stderr=True)
            number = click.prompt(f"What wrote {path.name}? Number", type=click.IntRange(1, len(choices)), err=True)
            self._chosen[choices] = choices[number - 1]
        return self._chosen[choices]

    def _ask_zone(self, path: Path) -> ZoneInfo:
        self._screen.note(f"{path.name} has clock times without a time zone.")
        while True:
            answer = click.prompt("In which zone were they written", default=system_zone().key, err=True)
            try:
                return parse_zone(answer)
            except UsageError as error:
                self._screen.warn(f"{error.problem} {error.remedy}")
