"""`chat`: the clone in the browser, or in the terminal."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from clone_agent.errors import UsageError
from ui.commands.answering import VoiceOptions, choose_voice, remind, voice_options
from ui.commands.talking import talk_here
from ui.moments import MOMENT
from ui.options import Call, agree, common, is_asked

if TYPE_CHECKING:
    from ui.companion import Companion
    from ui.config import Settings
    from ui.web.page import Notice
    from ui.web.talk import Speaker
    from ui.web.voting import Booth
    from ui.wiring import Clone

PASSWORD_VARIABLE = "CLONE_AGENT_PASSWORD"  # noqa: S105 - a variable's name
SHORTEST_PASSWORD = 12


@click.command(epilog="Example: clone-agent chat --port 7861")
@click.option("--terminal", is_flag=True, help="Talk here instead of in the browser.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.  [default: 7860]")
@click.option("--password", "ask_password", is_flag=True, help=f"Ask for a password that visitors must know; or set {PASSWORD_VARIABLE}.")
@click.option("--share", is_flag=True, help="Also make a public link; needs a password.")
@click.option("--memory/--no-memory", "use_memory", default=True, help="Recall before answering.")
@click.option("--live-memory/--no-live-memory", "live", default=None, help="Keep what is said here and recall it.  [default: keep]")
@click.option("--on", "moment", type=MOMENT, metavar="DAY", help="Talk as of this moment, like 2024-06-01.  [default: now]")
@voice_options
@common
def chat(
    call: Call,
    terminal: bool,
    port: int | None,
    ask_password: bool,
    share: bool,
    use_memory: bool,
    live: bool | None,
    moment: datetime | None,
    **voice: object,
) -> None:
    """Talk with the clone in the browser, on an address of this machine.

    What is said is kept in the archive as a chat of its own and recalled; 记住… or "remember …" keeps something on purpose, 忘掉… or
    "forget …" takes a person or words out of everything, after asking.
    """
    from ui.companion import Companion
    from ui.wiring import open_clone

    options = VoiceOptions(**voice)  # type: ignore[arg-type]  # click fills in exactly these
    settings = choose_voice(call, options)
    password = None if terminal else _password(ask_password)
    if share:
        _agree_to_share(call, password, yes=options.yes)
    call.home.require()
    now = None if moment is None else moment.astimezone()
    with open_clone(call.home, settings, use_memory=use_memory) as clone:
        is_live = (settings.live if live is None else live) and now is None
        companion = Companion(call.home, clone, settings, is_live=is_live) if clone.memory is not None and not share else None
        if terminal:
            remind(call.screen, clone)
            talk_here(call.screen, clone, companion, now=now)
        else:
            serve_page(call, clone, settings, companion, port=port or settings.port, password=password, share=share, now=now)


def serve_page(
    call: Call,
    clone: "Clone",
    settings: "Settings",
    companion: "Companion | None" = None,
    *,
    port: int | None,
    password: str | None = None,
    share: bool = False,
    now: datetime | None = None,
) -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    from ui.environment import prepare_browser

    prepare_browser(call.home.temporary)
    from ui.web.bubbles import Surroundings
    from ui.web.launch import serve
    from ui.web.page import PageFacts, build_page
    from ui.web.talk import Speaker

    archive = clone.archive
    where = Surroundings(
        around=lambda message_id, before, after: archive.around(message_id, before=before, after=after),
        name_of=lambda message: archive.display_name(message.conversation, message.sender),
    )
    facts = PageFacts(
        name=archive.persona().name,
        model=clone.voice.label,
        is_tuned=clone.voice.is_tuned,
        has_memory=clone.memory is not None,
        today="" if now is None else f"{now:%Y-%m-%d}",
        notices=tuple(_notices(clone, settings)),
    )
    speaker = Speaker(agent=clone.agent, where=where, now=now, companion=companion)
    page = build_page(speaker, facts, _booth(call, clone, settings, speaker))
    with terminated_like_interrupted():
        served = serve(page, home=call.home.root, port=port, password=password, share=share)
        try:
            announce(call, served.url, served.share_url, share=share)
            served.wait()
        except KeyboardInterrupt:
            call.screen.note("Stopped.")
        finally:
            served.close()


def _booth(call: Call, clone: "Clone", settings: "Settings", speaker: "Speaker") -> "Booth":
    """Who can be voted on; votes go into the data home."""
    from ui.votes import keep_vote, read_votes
    from ui.web.voting import Booth, contenders
    from ui.wiring import make_agent, without_adapter

    home = call.home.root
    plain = without_adapter(clone.voice) if clone.voice.is_tuned else None
    base = None if plain is None else replace(speaker, agent=make_agent(clone.archive, clone.memory, plain, settings))
    kind = "server" if settings.server is not None else "tuned" if clone.voice.is_tuned else "base"
    return Booth(
        pairs=contenders(speaker, base, kind=kind, has_memory=clone.memory is not None),
        keep=lambda vote: keep_vote(home, vote),
        votes=lambda: read_votes(home),
    )


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: a page started in the background by a script never hears Ctrl-C, which shells have it ignore."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _password(ask: bool) -> str | None:
    if ask and not is_asked():
        raise UsageError("--password asks for a password, but nobody can answer.", remedy=f"Set {PASSWORD_VARIABLE} instead.")
    if ask:
        return str(click.prompt("Password for visitors", hide_input=True, confirmation_prompt=True, err=True))
    return os.environ.get(PASSWORD_VARIABLE) or None


def _agree_to_share(call: Call, password: str | None, *, yes: bool) -> None:
    """Refuse a link without a good password, say what it exposes, and ask.

    Raises:
        UsageError: no password, a short one, or nobody agreed.
    """
    if password is None:
        raise UsageError("A public link needs a password.", remedy=f"Add --password, or set {PASSWORD_VARIABLE}.")
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(
            f"The password is shorter than {SHORTEST_PASSWORD} characters.", remedy="Take a longer one: it is all that guards the link."
        )
    call.screen.warn(
        "Whoever has the link and the password can talk with the clone and unfold its sources: your messages and other people's, "
        "with names and dates. The link runs through a relay of Gradio's, which sees everything in plain text. It lives until you "
        "stop this program."
    )
    agree("Make the link?", yes=yes, remedy="Add --yes.")


def _notices(clone: "Clone", settings: "Settings") -> "list[Notice]":
    from ui.web.page import Notice
    from ui.wiring import NO_ADAPTER

    notices = []
    if not clone.voice.is_tuned and settings.server is None and settings.adapter != NO_ADAPTER:
        notices.append(Notice(text="do_tune", command="clone-agent dataset && clone-agent tune"))
    if clone.voice.forgotten:
        notices.append(Notice(text="do_retune", command="clone-agent dataset && clone-agent tune"))
    if clone.memory is not None and (stale := clone.memory.pending()):
        is_new = stale >= len(clone.archive.conversations())
        notices.append(Notice(text="do_index" if is_new else "do_reindex", command="clone-agent index"))
    return notices


def announce(call: Call, url: str, share_url: str | None, *, share: bool, more: Mapping[str, object] = MappingProxyType({})) -> None:
    """Say where the page is; `more` goes into the `--json` object."""
    call.screen.result({"url": url, "share_url": share_url, **more})
    if not call.screen.as_json:
        call.screen.say(f"Open {url}")
    if share_url is not None:
        call.screen.warn(f"Public link: {share_url}")
    elif share:
        call.screen.warn("The public link could not be made: is there a network? The page runs on this machine only.")
    call.screen.note("Ctrl-C stops it.")
    sys.stdout.flush()
