"""The hour that comes twice when summer time ends, told apart by the order of the file.

    2023-10-29 02:10   2023-10-29 02:50   2023-10-29 02:05   2023-10-29 02:40   2023-10-29 03:01       Europe/Berlin

A wall clock shows the hour from 2 to 3 twice. Where the times of a chat go back inside of such an hour, its second pass begins: 02:05 and
02:40 are an hour later than they would be by themselves. It takes a chat that is in order: one whose times went back elsewhere within the
day before says nothing by going back here. A chat that wrote in only one of the two hours does not tell in which; the first is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clone_agent.importers.format import Record
from clone_agent.importers.identity import MessageIds
from clone_agent.message_ids import second_of
from clone_agent.records import Conversation, Message

_JITTER = timedelta(minutes=2)  # going back by less is no sign: some programs write seconds out of order
_CALM = timedelta(days=1)  # within which a chat must not have gone back elsewhere


def told_apart(records: Iterator[Record]) -> Iterator[Record]:
    """The records of an export in wall-clock time; those of the second of two equal hours with the time and id of it."""
    hours: dict[str, _Hours] = {}  # by conversation
    here = _Hours(platform="", conversation="")
    for record in records:
        if not isinstance(record, Message):
            if isinstance(record, Conversation) and record.id not in hours:
                hours[record.id] = _Hours(platform=record.platform, conversation=record.id)
            yield record
            continue
        if record.conversation != here.conversation:
            here = hours[record.conversation]
        if here.latest is None or (record.sent_at >= here.latest and not here.is_second):
            here.latest = record.sent_at  # all but a few messages; moments of one zone are compared by their clocks
            yield record
        else:
            yield here.placed(record)


@dataclass(slots=True)
class _Hours:
    """Where one conversation stands."""

    platform: str
    conversation: str
    latest: datetime | None = None
    is_second: bool = False
    went_back: datetime | None = None  # where it last went back without a reason
    ids: MessageIds | None = None  # of the second hour

    def placed(self, message: Message) -> Message:
        """A message that goes back, or follows one that did."""
        moment, latest = message.sent_at, self.latest or message.sent_at
        goes_back = latest - moment >= _JITTER
        if moment.fold or not _comes_twice(moment):
            self.is_second = False
        elif not self.is_second:
            self.is_second = goes_back and self._is_calm(moment) and _comes_twice(latest) and latest.date() == moment.date()
            goes_back = goes_back and not self.is_second
        elif goes_back:
            self.is_second = False
        if goes_back:
            self.went_back = moment
        self.latest = moment if self.is_second or latest - moment >= _JITTER else max(latest, moment)
        return self._an_hour_later(message) if self.is_second else message

    def _is_calm(self, moment: datetime) -> bool:
        return self.went_back is None or abs(moment - self.went_back) > _CALM

    def _an_hour_later(self, message: Message) -> Message:
        self.ids = self.ids or MessageIds(self.platform, self.conversation)
        moment = message.sent_at.replace(fold=1)
        known = self.ids.next(message.sender, second_of(moment), message.kind, message.text, message.source_id)
        return replace(message, id=known, sent_at=moment)


def _comes_twice(moment: datetime) -> bool:
    """Whether the wall clock shows this time once more, later."""
    first, second = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
