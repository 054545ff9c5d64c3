"""What ids of messages and conversations tell: the second at which a message was sent, and whether the platform numbers the chat.

The ids themselves are given out by `importers.identity`. This file stands apart so that the archive needs none of the readers.
"""

import re

_SECONDS = 1 << 40
_UNNUMBERED = re.compile(r"[a-z_]+:(?:[0-9a-f]{16}|private:u_.*)")  # a hash of names, or an id that only one program knows


def second_prefix(second: int) -> str:
    """What the ids of all messages of one second since 1970 begin with; it sorts as the seconds do."""
    return f"{second % _SECONDS:010x}"


def is_numbered(conversation: str) -> bool:
    """Whether a conversation's id is the platform's own number for it: then another number is another conversation."""
    return _UNNUMBERED.fullmatch(conversation) is None
