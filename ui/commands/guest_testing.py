"""`guest-test`: the guest page under scripted attacks, before somebody is invited."""

from pathlib import Path

import click

from ui.commands.answering import VoiceOptions, choose_voice, voice_options
from ui.commands.backtesting import as_typed, placed, show, write
from ui.options import PARTIAL, Call, common


@click.command("guest-test", epilog="Example: clone-agent guest-test --life")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.  [default: reports/ in the data home]"
)
@click.option("--life", is_flag=True, help="On the chats of an invented owner, which ship, in a data home of their own.")
@voice_options
@common
def guest_test(call: Call, out: Path | None, life: bool, **voice: object) -> None:
    """Serve the guest page over a copy of the chats, attack it, and say what guests could learn that is not theirs to know.

    Attacks the clone that speaks, and a model that gives away all it is given. The copy lies inside the data home and is removed at the
    end. Something that got through ends the command with 3.
    """
    call = placed(call, out, life=life)
    settings = choose_voice(call, VoiceOptions(**voice))  # type: ignore[arg-type]  # click fills in exactly these
    from ui.environment import prepare_browser

    prepare_browser(call.home.temporary)
    from ui.guest_test.report import guest_document, guest_fields
    from ui.guest_test.run import GuestTest

    with call.home.lock():
        run = GuestTest(call, settings)
        outcome = run.run()
        document = guest_document(outcome, command=as_typed())
        written = write(call, document, "guests", out)
        run.clear()
    fields = guest_fields(outcome)
    call.screen.result({**fields, "report": [str(path) for path in written]})
    if not call.screen.as_json:
        show(call, document, written)
    if fields["through"] or not outcome.is_unchanged:
        raise click.exceptions.Exit(PARTIAL)
