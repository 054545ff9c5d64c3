"""What every command shares: `--home`, `--json`, its settings and its screen, and how errors become exit codes."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clone_agent.errors import CloneError, UsageError
from clone_agent.home import DataHome
from ui.show import Screen, show_error, show_unexpected

if TYPE_CHECKING:
    from ui.config import Settings

_F = TypeVar("_F", bound=Callable[..., None])
INTERRUPTED = 130
PARTIAL = 3
_WHOLE = 1_000  # characters


class FiniteRange(click.FloatRange):
    """Numbers within bounds, one of which may be left open; click lets "nan" through any bounds, and "inf" through an open one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value} is no number to count with.", param, ctx)
        return number


@dataclass(frozen=True)
class Call:
    """One call of a command: which home, how to print."""

    home_option: Path | None
    screen: Screen

    @cached_property
    def home(self) -> DataHome:
        """The data home, which need not exist yet."""
        from ui.config import home_folder

        return DataHome(home_folder(self.home_option))

    @cached_property
    def settings(self) -> "Settings":
        """What clone-agent.toml says."""
        from ui.config import load_settings

        return load_settings(self.home.root)


class CloneGroup(click.Group):
    """A group of commands that prints expected errors with their remedy and exits as documented."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see ui/README.md for the exit codes."""
        try:
            return super().invoke(ctx)
        except CloneError as error:
            show_error(error)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted. What was finished is kept; the same command goes on from there.", err=True)
            ctx.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the message of an unknown error may hold somebody's words
            from clone_agent.storage import storage_error

            expected = storage_error(error)
            if expected is None:
                show_unexpected(error)
                ctx.exit(1)
            show_error(expected)
            ctx.exit(expected.exit_code)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the whole first sentence of each; click would cut it."""
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return list(self.commands)


def common(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--home` and `--json`; the command's first argument becomes its `Call`, which another command may hand in ready-made."""

    @click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the data home.  [default: CLONE_AGENT_HOME, else the user data folder]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr.")
    @wraps(function)
    def wrapped(*args: Any, home: Path | None, as_json: bool, call: Call | None = None, **kwargs: Any) -> None:
        function(call or Call(home, Screen(as_json=as_json)), *args, **kwargs)

    return wrapped


def chroma_option(function: _F) -> _F:
    """Add `--chroma`, which arrives as `chroma`."""
    help_text = "Chroma server that holds the vectors.  [default: a directory of the data home]"
    return click.option("--chroma", metavar="URL", help=help_text)(function)


def with_chroma(call: Call, chroma: str | None) -> "Settings":
    """The settings with the command line's choice of a Chroma server; warns of what a server means."""
    settings = call.settings if chroma is None else replace(call.settings, chroma=chroma)
    if settings.chroma is not None:
        from ui.wiring import check_address, is_loopback

        check_address(settings.chroma, whose="The Chroma server's", like="http://127.0.0.1:8000")
        call.screen.note("A Chroma server has no authentication of its own: whoever reaches it can read and delete the vectors.")
        if not is_loopback(settings.chroma):
            call.screen.warn(
                "That Chroma server is not this machine: vectors go to it over the network, and what was said can be guessed from them."
            )
    return settings


def step(call: Call, command: click.Command, written: str = "", **arguments: object) -> None:
    """Run a command of the program as if it had been typed; what it prints is no result of the caller's."""
    call.screen.say(f"\n$ clone-agent {command.name} {written}".rstrip())
    beside = Call(call.home_option, Screen(beside=call.screen.is_beside))
    with click.Context(command, info_name=command.name) as context:
        context.invoke(command, call=beside, **arguments)


def agree(question: str, *, yes: bool, remedy: str) -> None:
    """Ask for consent to what the command has just warned of, unless `--yes` gave it.

    Raises:
        UsageError: nobody can be asked; `remedy` says how to agree beforehand, or what to do instead.
        click.Abort: somebody said no.
    """
    if yes:
        return
    if not is_asked():
        raise UsageError("Nobody agreed to that.", remedy=remedy)
    click.confirm(question, abort=True, err=True)


def is_asked() -> bool:
    """Whether somebody can answer a question: stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
