"""What is true of the owner, as far as the archive tells by itself."""

from collections.abc import Iterable

from clone_agent.records import Persona


def persona_of(name: str, texts: Iterable[str]) -> Persona:
    """A persona from the owner's name and some of their words: Chinese when they write more Han characters than Latin words."""
    han = words = 0
    for text in texts:
        han += sum("\u4e00" <= character <= "\u9fff" for character in text)
        words += sum(word.isascii() and word.isalpha() for word in text.split())
    return Persona(name=name or "我", language="en" if words > han else "zh")
