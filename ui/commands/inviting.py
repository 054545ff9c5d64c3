"""`guest`: the clone for some guests and one evening, on a page that shows them nothing else."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from clone_agent.errors import ModelError, UsageError
from ui.commands.answering import VoiceOptions, choose_voice, voice_options
from ui.commands.browsing import announce, terminated_like_interrupted
from ui.options import Call, FiniteRange, agree, common
from ui.show import Screen, count

if TYPE_CHECKING:
    from ui.config import Settings
    from ui.guests import Event, GuestBook, GuestDesk
    from ui.wiring import Clone


@click.command(epilog="Example: clone-agent guest 小明 小红 --hours 3 --share")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--hours", default=24.0, type=FiniteRange(0, 24 * 31, min_open=True), help="How long the invitations hold.")
@click.option("--share", is_flag=True, help="Make a public link; else the page is for this machine, to try.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.  [default: 7860]")
@click.option("--revoke", metavar="NAME", help="Send a guest of a running page away.")
@click.option("--log", "only_log", is_flag=True, help="Only show who was invited, came, and how much they said.")
@voice_options
@common
def guest(
    call: Call, names: tuple[str, ...], hours: float, share: bool, port: int | None, revoke: str | None, only_log: bool, **voice: object
) -> None:
    """Let guests talk with the clone, on a page of their own with a password for each.

    Guests see neither sources of other people nor settings: the clone is given your own lines only, with personal data masked and other
    people's names replaced. 20 messages in ten minutes, of 200 characters. Ctrl-C ends it for everybody.
    """
    from ui.guests import Event, read_log, write_event

    home = call.home.require().root
    if revoke is not None:
        _check_invited(revoke, read_log(home))
        write_event(home, Event(at=datetime.now().astimezone(), guest=revoke, what="revoked"))
    if revoke is not None or only_log:
        _show_log(call.screen, read_log(home))
        return
    _check(names)
    options = VoiceOptions(**voice)  # type: ignore[arg-type]  # click fills in exactly these
    settings = choose_voice(call, options)
    if share:
        _agree(call, yes=options.yes)
    _serve(call, settings, names, until=datetime.now().astimezone() + timedelta(hours=hours), port=port or settings.port, share=share)


def _check(names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names) or not all(name.strip() == name and name for name in names):
        raise UsageError("Every guest needs a name of their own.", remedy="Write clone-agent guest NAME, or several names.")


def _check_invited(name: str, log: "Sequence[Event]") -> None:
    """Refuse to revoke a name that nobody was invited under: whoever mistypes one would think that the guest is gone."""
    if not any(event.what == "invited" and event.guest == name for event in log):
        raise UsageError("Nobody was invited under that name.", remedy="`clone-agent guest --log` lists who was.")


def _agree(call: Call, *, yes: bool) -> None:
    call.screen.warn(
        "Whoever has the link, a name and its password can talk with the clone. Your own words, masked, reach them; a tuned model may also "
        "repeat what it learned from you. The link runs through a relay of Gradio's, which sees everything in plain text."
    )
    agree("Make the link?", yes=yes, remedy="Add --yes.")


def _serve(call: Call, settings: "Settings", names: Sequence[str], *, until: datetime, port: int, share: bool) -> None:
    from ui.environment import prepare_browser
    from ui.guests import GuestBook
    from ui.wiring import open_clone

    prepare_browser(call.home.temporary)
    from ui.web.guest import build_guest_page
    from ui.web.launch import serve

    with open_clone(call.home, settings, use_memory=True) as clone:
        if clone.voice.forgotten:
            raise ModelError(
                f"The adapter {clone.voice.adapter} learned from messages that you have had forgotten since.",
                remedy="Run `clone-agent dataset` and `clone-agent tune`, or name another adapter.",
            )
        book = GuestBook(call.home.root, names, until=until)
        page = build_guest_page(guest_desk(clone, settings, book), name=clone.archive.persona().name)
        with terminated_like_interrupted():
            served = serve(page, home=call.home.root, port=port, password=book.knows, share=share, welcome="login_guest")
            try:
                announce(call, served.url, served.share_url, share=share, more={"until": until, "guests": dict(book.passwords)})
                _tell_passwords(call.screen, book)
                served.wait_until(until)
            except KeyboardInterrupt:
                call.screen.note("Stopped.")
            finally:
                served.close()


def guest_desk(clone: "Clone", settings: "Settings", book: "GuestBook") -> "GuestDesk":
    """The agent for guests: no standing facts, the owner's own lines alone."""
    from ui.guests import Curtain, GuestDesk, GuestMemory
    from ui.wiring import make_agent

    curtain = Curtain(clone.archive)
    memory = None if clone.memory is None else GuestMemory(clone.memory, curtain)
    agent = make_agent(clone.archive, memory, clone.voice, settings, persona=clone.archive.persona())
    return GuestDesk(agent=agent, curtain=curtain, book=book)


def _tell_passwords(screen: Screen, book: "GuestBook") -> None:
    if screen.as_json:
        return
    screen.table(("guest", "password"), list(book.passwords.items()))
    screen.say(f"Until {book.until:%Y-%m-%d %H:%M}. Passwords are shown this once.")


def _show_log(screen: Screen, log: "Sequence[Event]") -> None:
    """Print what happened, the messages of each guest summed up."""
    rows = [(event.at, event.guest, event.what, event.until, event.characters) for event in log]
    screen.result({"events": [dict(zip(("at", "guest", "what", "until", "characters"), row, strict=True)) for row in rows]})
    if screen.as_json:
        return
    if not log:
        screen.say("Nobody was invited yet.")
        return
    told = [(f"{event.at:%Y-%m-%d %H:%M}", event.guest, _told(event)) for event in log if event.what != "said"]
    screen.table(("when", "guest", "what"), told)
    for name in dict.fromkeys(event.guest for event in log):
        said = [event.characters or 0 for event in log if event.guest == name and event.what == "said"]
        if said:
            screen.say(f"{name} said {count(sum(said), 'character')} in {count(len(said), 'message')}.")


def _told(event: "Event") -> str:
    return event.what if event.until is None else f"{event.what} until {event.until:%Y-%m-%d %H:%M}"
