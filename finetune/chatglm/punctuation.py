"""Full-width punctuation back into ChatGLM-6B's replies: its tokenizer makes half-width marks of ，！：；？ before the model sees them.

As the original's `process_response` does it: a mark beside a Chinese character was a full-width one.
"""

import re

_WIDE = str.maketrans(",!:;?", "，！：；？")
_HAN = r"[\u4e00-\u9fff]"
_BESIDE_HAN = re.compile(f"(?<={_HAN})[,!:;?]|[,!:;?](?={_HAN})")


class WidePunctuation:
    """Corrects a text that comes in pieces. A mark at the end of a piece waits for what follows it, unless what precedes it decides."""

    def __init__(self) -> None:
        self._before = ""  # the last character that was handed out
        self._held = ""

    def push(self, piece: str) -> str:
        """The part of the text so far that is decided."""
        text = self._restored(self._held + piece)
        self._held = text[-1:] if text[-1:] in tuple(",!:;?") else ""
        return self._hand_out(text[: len(text) - len(self._held)])

    def rest(self, piece: str = "") -> str:
        """What is left at the end."""
        text, self._held = self._restored(self._held + piece), ""
        return self._hand_out(text)

    def _restored(self, text: str) -> str:
        whole = _BESIDE_HAN.sub(lambda found: found[0].translate(_WIDE), self._before + text)
        return whole[len(self._before) :]

    def _hand_out(self, text: str) -> str:
        self._before = text[-1:] or self._before
        return text
