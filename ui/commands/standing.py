"""`status`, `verify` and `rebuild`: what is stored where, whether it agrees, and how to make it agree."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clone_agent.archive import Archive
from clone_agent.errors import LockedError, StoreError
from clone_agent.home import DataHome
from ui.commands.teaching import DATASET_FACT, archive_revision
from ui.options import Call, common
from ui.show import count, day, size


@click.command(epilog="Example: clone-agent status")
@common
def status(call: Call) -> None:
    """Show what is stored where, how big it is and what is stale."""
    home = call.home.require()
    with Archive.open(home.root) as archive:
        fields = {"home": str(home.root), **_archive_fields(archive), "sizes": _sizes(home)}
        fields |= {"dataset": _dataset(home, archive), "adapters": _adapters(home), "memory": _memory(call, archive)}
    fields["next"] = _next(fields)
    call.screen.result(fields)
    if not call.screen.as_json:
        _print_status(call, fields)
