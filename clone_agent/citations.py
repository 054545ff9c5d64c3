"""The words of a reply without the citations that its bubbles may begin with (`clone_agent.prompt`), while it is still being written."""

from clone_agent.prompt import may_be_citation, split_citation


class ReplyWords:
    """Takes a reply piece by piece and says of each what may be shown: nothing that turns out to be a citation, nothing twice.

    Args:
        cites: whether the model was asked to cite; otherwise a number in brackets is a word like others.
    """

    def __init__(self, *, cites: bool) -> None:
        self.text = ""  # what was shown so far
        self.numbers: list[int] = []  # of the lines that were cited, in order; 0 first: the reply rests on none
        self._cites = cites
        self._begun: str | None = "" if cites else None  # the beginning of a bubble, until it is clear whether it is a citation

    def add(self, delta: str) -> str:
        """Take what has come; returns what may be shown of it."""
        shown = "".join(self._take(piece) for piece in delta.splitlines(keepends=True))
        self.text += shown
        return shown

    def finish(self) -> str:
        """What was held back, now that nothing more comes."""
        shown = self._decided(is_last=True)
        self.text += shown
        return shown

    def _take(self, piece: str) -> str:
        """Take a piece that holds no line end but at its own end."""
        if self._begun is None:
            shown = piece
        else:
            self._begun += piece
            shown = self._decided()
        if self._cites and self._begun is None and piece.endswith(("\n", "\r")):
            self._begun = ""
        return shown

    def _decided(self, *, is_last: bool = False) -> str:
        """What of the held beginning is no citation for sure."""
        while self._begun is not None and (is_last or not may_be_citation(self._begun)):
            number, rest = split_citation(self._begun)
            if number is None:
                self._begun = None
                return rest
            self.numbers.append(number)
            self._begun = rest
        return ""


def without_citations(reply: str) -> str:
    """A whole reply without the citations of its bubbles."""
    words = ReplyWords(cites=True)
    return words.add(reply) + words.finish()
