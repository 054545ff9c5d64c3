"""What is true of the owner, as far as the archive tells by itself: name, language, and whom they are talking to."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from clone_agent.pseudonyms import Pseudonyms
from clone_agent.records import ChatKind, Persona, Session

_MOST_NAMES = 6  # of a group in the prompt
_WITH = {"zh": "你正在和{names}聊天。", "en": "You are talking with {names}."}
_IN_GROUP = {"zh": "你正在群里聊天，群里有{names}。", "en": "You are in a group chat with {names}."}
_COMMA = {"zh": "、", "en": ", "}


def persona_of(name: str, texts: Iterable[str]) -> Persona:
    """A persona from the owner's name and some of their words: Chinese when they write more Han characters than Latin words."""
    han = words = 0
    for text in texts:
        han += sum("\u4e00" <= character <= "\u9fff" for character in text)
        words += sum(word.isascii() and word.isalpha() for word in text.split())
    return Persona(name=name or "我", language="en" if words > han else "zh")


def with_contact(persona: Persona, names: Sequence[str], *, in_group: bool = False) -> Persona:
    """The persona with a line that says whom the owner talks to; the tone depends on it. When, the prompt says anyway."""
    if not names:
        return persona
    sentence = (_IN_GROUP if in_group else _WITH)[persona.language]
    line = sentence.format(names=_COMMA[persona.language].join(names[:_MOST_NAMES]))
    return replace(persona, facts=(*persona.facts, line))


def talking_to(persona: Persona, session: Session, *, pseudonyms: Pseudonyms | None = None) -> Persona:
    """The persona of a session: with the names of the others who speak in it, in the order in which they begin."""
    names = dict.fromkeys(turn.speaker_name for turn in session.turns if not turn.is_owner)
    shown = [pseudonyms.name(name) if pseudonyms else name for name in names]
    return with_contact(persona, shown, in_group=session.conversation.kind is ChatKind.GROUP)
