"""Files that hold no chat as they are, and what to do: empty ones, packed ones, Office documents; and the encrypted ones of `encrypted`."""

import re
from collections.abc import Callable

from clone_agent.importers import encrypted
from clone_agent.importers.encrypted import Refusal
from clone_agent.importers.format import Head

_BLANK = b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"
_PACKED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_OFFICE = re.compile(r"(?i).*\.(?:xls[xmb]?|doc[xm]?|ppt[xm]?|od[stp]|numbers|pages)")
OFFICE = Refusal("is an Office document", "Open it and save the table as CSV (UTF-8) or the text as .txt, then import that.")


def refusal(head: Head) -> Refusal | None:
    """Why a file is not read; None where nothing is known of it."""
    return encrypted.refusal(head) or next((one for matches, one in _KNOWN if matches(head)), None)


def is_office(name: str) -> bool:
    """Whether a file is an Office document by its name; many of them are zips inside."""
    return _OFFICE.fullmatch(name) is not None


_KNOWN: tuple[tuple[Callable[[Head], bool], Refusal], ...] = (
    (
        lambda head: not head.listing and not head.data.strip(_BLANK),
        Refusal("is empty", "Export the chat again; in a synchronised folder, wait until the file is there."),
    ),
    (
        lambda head: head.data.startswith(_PACKED) or head.data[257:262] == b"ustar",
        Refusal("is packed", "Unpack it and name what is inside. Only zips are opened here."),
    ),
    (lambda head: head.data.startswith(b"\xd0\xcf\x11\xe0") or is_office(head.name), OFFICE),
    (lambda head: head.data.startswith(b"%PDF"), Refusal("is a PDF", "Export the chat as text or JSON instead.")),
)
