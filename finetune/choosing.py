"""Which of the owner's turns are worth learning from, and why the others are not. Nothing is left out for being short.

Left out: turns outside the wanted period or people, replies that a program wrote, adverts and bare links, long texts that were passed on
from somebody else or sent before word for word. Each has a reason, which the dataset's manifest counts and `clone-agent dataset --explain`
shows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from clone_agent.records import ChatKind, Session, Turn

OTHER_PEOPLE, OTHER_PERIOD = "other people", "other period"
LIMITS = (OTHER_PEOPLE, OTHER_PERIOD)  # the reasons that the user set
LONG = 12  # characters from which the same text twice is no coincidence
_AUTOMATIC = re.compile(
    r"^\s*(?:\[|【)?(?:自动回复|auto(?:matic)?[- ]?reply|out of office)|您好[，,]\s*我现在有事不在"
    r"|我现在(?:不方便|正在开车).{0,6}稍后|此消息为自动发送",
    re.IGNORECASE,
)
_ADVERT = re.compile(
    r"砍(?:一刀|价|到0元)|帮我(?:助力|点一下|砍)|拼多多|复制(?:这条|此|本条).{0,6}(?:信息|消息|打开)|￥[0-9A-Za-z]{6,}￥|点击链接.{0,10}(?:领取|注册|下载)"
    r"|邀请码.{0,12}(?:注册|领)|(?:转发|分享)(?:到|此).{0,8}(?:群|朋友圈)|use my (?:referral|invite) (?:code|link)",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_COMMAND = re.compile(r"[/!！]\w{1,20}(?:\s+\S+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Limits on what is learnt from. Empty: everything."""

    since: datetime | None = None  # without zone: the first moment that counts, by the clock of the chat
    until: datetime | None = None  # likewise the first that does not
    people: tuple[str, ...] = ()  # names or ids of people or chats

    def refuses(self, session: Session) -> str | None:
        """Why a whole session does not count; None: it does."""
        if session.conversation.kind is ChatKind.OTHER:
            return "channel or bot"
        if self.people and not self._is_with(session):
            return OTHER_PEOPLE
        return None

    def refuses_at(self, moment: datetime) -> str | None:
        """Why a reply of that moment does not count."""
        clock = moment.replace(tzinfo=None)
        if (self.since is not None and clock < self.since) or (self.until is not None and clock >= self.until):
            return OTHER_PERIOD
        return None

    def _is_with(self, session: Session) -> bool:
        chat = session.conversation
        names = {chat.id, chat.name}
        for turn in session.turns:
            if not turn.is_owner:
                names |= {
                    turn.speaker,
                    turn.speaker_name,
                    turn.speaker.rpartition(":")[2],
                    *(message.sender_name for message in turn.messages),
                }
        return any(person in names for person in self.people)


class Quality:
    """Tells the owner's own words from the rest. Remembers long texts, as 8 bytes each, to know them when they come again."""

    def __init__(self) -> None:
        self._others: set[bytes] = set()
        self._own: set[bytes] = set()

    def hear(self, turn: Turn) -> None:
        """Take in a turn of somebody else."""
        self._others |= {_print(message.text) for message in turn.messages if len(message.text) >= LONG}

    def refuses(self, turn: Turn) -> str | None:
        """Why a turn of the owner is not worth learning from; None: it is."""
        text = turn.text
        for reason, test in _TESTS:
            if test(text):
                return reason
        long = [_print(bubble) for bubble in turn.bubbles if len(bubble) >= LONG]
        if not long or sum(len(bubble) for bubble in turn.bubbles if len(bubble) >= LONG) * 2 < len(text):
            return None
        passed_on, repeated = all(mark in self._others for mark in long), all(mark in self._own for mark in long)
        self._own.update(long)
        return "passed on" if passed_on else "said before word for word" if repeated else None


def _is_bare_link(text: str) -> bool:
    return _LINK.search(text) is not None and len(_LINK.sub("", text).strip()) < 2


_TESTS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("automatic reply", _AUTOMATIC.search),
    ("advert", _ADVERT.search),
    ("bare link", _is_bare_link),
    ("command to a bot", _COMMAND.fullmatch),
)


def _print(text: str) -> bytes:
    return blake2b(" ".join(text.split()).encode(), digest_size=8).digest()
