"""A copy of the chats: up to a day, so that nothing in it knows the weeks after; or whole, with canaries planted."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from clone_agent.archive import Archive
from clone_agent.errors import DatasetError
from clone_agent.home import DataHome
from clone_agent.records import Conversation, Message
from finetune.files import write_lines
from ui.config import FILE_NAME, Settings
from ui.show import Advance

_WHOLE = "copied"


def cut_before(archive: Archive, weeks: float) -> datetime:
    """The midnight before the last weeks of an archive.

    Raises:
        DatasetError: the weeks are more than a third of the time that the chats span.
    """
    spans = [(info.first, info.last) for info in archive.conversations() if info.first and info.last]
    if not spans:
        raise DatasetError("No chats are stored.", remedy="Run `clone-agent import PATH` first.")
    first, last = min(span[0] for span in spans), max(span[1] for span in spans).astimezone()
    cut = (last - timedelta(weeks=weeks)).replace(hour=0, minute=0, second=0, microsecond=0)
    if (last - cut) * 3 > last - first:
        raise DatasetError(
            f"The stored chats span {(last - first).days / 7:.1f} weeks; hiding {weeks:g} of them leaves too little to learn from.",
            remedy="Hide fewer with --weeks.",
        )
    return cut


def copy_archive(
    archive: Archive, home: DataHome, *, until: datetime | None = None, planted: Iterable[Conversation | Message] = (), advance: Advance
) -> None:
    """Copy the chats into a home of their own; done again from the beginning when it was interrupted.

    Args:
        archive: the owner's.
        home: a folder of the program's own; what lies there and is not whole is taken away.
        until: only what was sent before this moment.
        planted: more records, as an importer yields them.
        advance: told the number of chats copied, and of how many.
    """
    with Archive.open(home.root, create=True) as copy:
        if copy.fact(_WHOLE) is not None:
            return
        for number, info in enumerate(infos := archive.conversations(), start=1):
            copy.add(_records(archive, info.conversation, until), source="backtest")
            advance(number, len(infos))
        copy.add(planted, source="backtest")
        known = {account.id for person in copy.people() for account in person.accounts}
        owner = archive.owner_ids() & known | copy.owner_ids()
        for person in archive.people():
            accounts = [account.id for account in person.accounts if account.id in known]
            if len(accounts) > 1:
                copy.join_people(accounts)
        copy.set_owner(owner)
        copy.keep_fact("owner_name", archive.persona().name)
        copy.keep_fact(_WHOLE, "1")


def copy_settings(settings: Settings, copy: DataHome) -> None:
    """Let a copy be indexed with the owner's embedding; its vectors stay in its own folder, whatever server holds the owner's."""
    if settings.embedding is not None:
        write_lines(copy.root / FILE_NAME, ["[memory]", f"embedding = {json.dumps(settings.embedding)}"])


def _records(archive: Archive, conversation: Conversation, until: datetime | None) -> Iterator[Conversation | Message]:
    yield conversation
    yield from (message for message in archive.messages(conversation.id) if until is None or message.sent_at < until)
