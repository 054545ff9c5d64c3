"""The body of a message in QQNT's database: column 40800, a protocol-buffer message of repeated elements.

40800 { 45001 id, 45002 type, … }
type  1 text (45101)              2 picture, 3 file, 5 video (45402 name)     4 voice (45906 seconds, 45923 what QQ heard)
      6 face (47602), 11 market face                7 reply (47403 number, 47404 time, 47423 the quoted element)
      8 tip (48214)   9 red packet   10 card (47901 JSON)   14 markdown   16 forwarded records   21 call   26 feed
"""

import json
import re

from clone_agent.importers.body import Body
from clone_agent.importers.protobuf import Fields, bytes_of, number_of, read_fields, text_of
from clone_agent.records import Kind

_ELEMENT = 40800
_KINDS = {
    2: Kind.IMAGE,
    3: Kind.FILE,
    4: Kind.VOICE,
    5: Kind.VIDEO,
    6: Kind.STICKER,
    9: Kind.RED_PACKET,
    10: Kind.CARD,
    11: Kind.STICKER,
    14: Kind.CARD,
    16: Kind.FORWARD,
    17: Kind.STICKER,
    21: Kind.CALL,
    26: Kind.CARD,
}
_TEXT, _REPLY, _TIP, _VOICE, _CARD = 1, 7, 8, 4, 10
_WITH_FILE = frozenset({2, 3, 4, 5})
_TIP_TEXT = re.compile(r'\b(?:txt|nm)="([^"]*)"')
_OTHERS = frozenset({Kind.CARD, Kind.FORWARD})


def read_body(data: bytes) -> Body:
    """Understand a body.

    Raises:
        ValueError: it cannot be decoded.
    """
    elements = [read_fields(value) for value in read_fields(data).get(_ELEMENT, []) if isinstance(value, bytes)]
    types = [number_of(one, 45002) for one in elements]
    if types == [_TEXT] and (words := text_of(elements[0], 45101).strip()):
        return Body(Kind.TEXT, words, "", ())  # most messages
    words = "".join(text_of(one, 45101) for one, told in zip(elements, types, strict=True) if told == _TEXT).strip()
    files = tuple(name for one, told in zip(elements, types, strict=True) if told in _WITH_FILE and (name := text_of(one, 45402)))
    context = [part for one, told in zip(elements, types, strict=True) if (part := _context(one, told))]
    if _TIP in types:
        tips = (_tip(text_of(one, 48214)) for one, told in zip(elements, types, strict=True) if told == _TIP)
        return Body(Kind.SYSTEM, " ".join(part for part in tips if part), "", ())
    kinds = [_KINDS[told] for told in types if told in _KINDS]
    if words:
        return Body(Kind.REPLY if _REPLY in types else Kind.TEXT, words, "\n".join(context), files)
    kind = next((one for one in kinds if one is not Kind.STICKER), kinds[0] if kinds else Kind.UNKNOWN)
    return Body(kind, "", "\n".join(context), files)


def _context(element: Fields, told: int) -> str:
    """Words of an element that are not the sender's own: a quote, a card's title, what QQ heard in a voice message."""
    if told == _REPLY:
        quoted = read_fields(bytes_of(element, 47423))
        return text_of(quoted, 45101)
    if told == _VOICE:
        return text_of(element, 45923)
    return _card_title(text_of(element, 47901)) if told == _CARD else ""


def _card_title(written: str) -> str:
    try:
        card = json.loads(written)
    except (ValueError, RecursionError):
        return ""
    prompt = card.get("prompt") if isinstance(card, dict) else None
    return prompt if isinstance(prompt, str) else ""


def _tip(written: str) -> str:
    return " ".join(part for part in _TIP_TEXT.findall(written) if part) if written.lstrip().startswith("<") else written
