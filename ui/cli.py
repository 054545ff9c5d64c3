"""`clone-agent`: one verb a stage. The commands live in ui/commands/, one module a group."""

import click

from ui.commands.answering import ask
from ui.commands.archiving import export, people
from ui.commands.backtesting import backtest, leak_test
from ui.commands.browsing import chat
from ui.commands.choosing import models
from ui.commands.comparing import compare
from ui.commands.converting import convert
from ui.commands.demonstrating import demo
from ui.commands.evaluating import evaluate
from ui.commands.forgetting import forget
from ui.commands.guest_testing import guest_test
from ui.commands.importing import import_
from ui.commands.inspecting import formats, inspect
from ui.commands.inviting import guest
from ui.commands.merging import merge
from ui.commands.profiling import profile
from ui.commands.remembering import index, recall
from ui.commands.standing import rebuild, status, verify
from ui.commands.teaching import dataset
from ui.commands.tuning import tune
from ui.commands.voting import vote
from ui.environment import silence
from ui.options import CloneGroup
from ui.show import print_anything

_COMMANDS = (
    import_,
    inspect,
    formats,
    people,
    export,
    dataset,
    models,
    tune,
    index,
    recall,
    ask,
    compare,
    vote,
    chat,
    guest,
    merge,
    convert,
    profile,
    forget,
    status,
    verify,
    rebuild,
    demo,
    evaluate,
    backtest,
    leak_test,
    guest_test,
)


@click.group(
    cls=CloneGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
    epilog="Example: clone-agent import ~/exports --me 123456789",
)
@click.version_option(package_name="clone-agent", prog_name="clone-agent")
def main() -> None:
    """Turn your own chats into a clone that speaks like you and remembers what you lived."""
    silence()
    print_anything()


for _command in _COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
