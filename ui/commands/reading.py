"""How an export is to be read, as the user tells it to `import` and `inspect`."""

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from clone_agent.errors import UsageError
from ui.options import Call

PATH = click.Path(exists=True, path_type=Path)
format_option = click.option(
    "--format", "format_name", metavar="NAME", help="Read as this format (see `clone-agent formats`).  [default: by content]"
)
zone_option = click.option(
    "--timezone", metavar="ZONE", help="Zone of exports that name none, like Asia/Shanghai.  [default: this machine's]"
)
order_option = click.option(
    "--dates",
    "order_name",
    type=click.Choice(["day-first", "month-first"]),
    help="What 3/4/2024 begins with, in exports that do not tell it.  [default: asked when unsure]",
)
columns_option = click.option(
    "--columns",
    metavar="FIELD=COLUMN,...",
    help="Columns of a CSV or JSONL of your own, as in time=Zeit,sender=Von,text=Inhalt.  [default: by their names]",
)


def zone_of(call: Call, name: str | None) -> ZoneInfo | None:
    """The zone of times that name none: the one named here, else the settings'; None: this machine's.

    Raises:
        UsageError: there is no such zone.
    """
    from ui.config import parse_zone

    return call.settings.timezone if name is None else parse_zone(name)


def told_columns(written: str | None) -> dict[str, str]:
    """Field to column out of `time=Zeit,sender=Von`.

    Raises:
        UsageError: it is no such list.
    """
    pairs = [part.partition("=") for part in (written or "").split(",") if part.strip()]
    if any(not (sign and column.strip()) for _, sign, column in pairs):
        raise UsageError(f"{written} does not say which column is which.", remedy="Write it as --columns time=Zeit,sender=Von,text=Inhalt.")
    return {name.strip(): column.strip() for name, _, column in pairs}
