"""What a message's body says, as those who read bodies hand it to those who read rows."""

from typing import NamedTuple

from clone_agent.records import Kind


class Body(NamedTuple):
    """Kind, words and files of a body."""

    kind: Kind
    text: str = ""  # own words
    quoted: str = ""  # other people's words
    attachments: tuple[str, ...] = ()  # names of files
