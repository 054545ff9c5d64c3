"""Found lines -> which tell what is asked for, and the one that holds now in the best one's place.

"左眼要做手术" and then "我说错了，是右眼" answer "哪边眼睛" with 右眼. A line corrects the best one if it was said after it in the same
chat, tells a value of the kind that is asked for, has words of correction or change ("改到", "说错了", "最后"), and stands in the same talk
or shares words with it. Only kinds that a line's form shows are looked at, and not where the question asks for what was said at first.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from clone_agent.records import Hit
from memory.answers import asks, suits
from memory.asked import wanted, wants_the_end
from memory.telling import AT_FIRST, CERTAIN, CHANGES, telling

_LOOKED_AT = 12  # lines that may correct the best one
_SHARE = 0.6  # of the best line's score: what a correction has at least, and what the corrected line keeps
_AS_SURE = 0.75  # ... what a later line of the same talk has at least that no word of change marks, where the end is asked for
_TELLS = 0.5  # how well a line fits that tells a value of the kind
_CHANGES = re.compile(rf"{CHANGES.pattern}|不是|(?:^|\s)最[后终]", re.IGNORECASE)


def settled(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, each with how well it fits, in the order given; the last line that corrects the best one has its score.

    Args:
        question: one that stands alone and asks one thing.
        hits: what was found.
    """
    want = wanted(question)
    if want is None or want.kind not in CERTAIN or not hits:
        return list(hits)
    judged = [replace(hit, fits=round(suits(hit.memory.text, want, question=question), 2), told=told(question, hit)) for hit in hits]
    best, *others = sorted(judged, key=lambda hit: -hit.score)
    is_end = wants_the_end(question)
    corrections = [] if AT_FIRST.search(question) else [hit for hit in others[:_LOOKED_AT] if _corrects(hit, best, is_end=is_end)]
    if not corrections:
        return judged
    latest = max(corrections, key=lambda hit: hit.memory.started_at)
    changed = {id(latest): best.score, id(best): round(_SHARE * best.score, 4)}
    return [replace(hit, score=changed.get(id(hit), hit.score)) for hit in judged]


def told(question: str, hit: Hit) -> str | None:
    """The part of a hit's words that tells the answer; None: all of them."""
    part = telling(question, hit.memory.text)
    return part if part != hit.memory.text else None


def _corrects(hit: Hit, best: Hit, *, is_end: bool) -> bool:
    one, other = hit.memory, best.memory
    if hit.score < _SHARE * best.score or one.conversation != other.conversation or one.started_at <= other.started_at:
        return False
    if not _tells(hit) or not _tells(best) or asks(one.text):
        return False
    if not _CHANGES.search(one.text):
        return is_end and hit.score >= _AS_SURE * best.score and one.is_of_the_talk_of(other)
    return one.is_of_the_talk_of(other) or bool(_pairs(one.text) & _pairs(other.text))


def _tells(hit: Hit) -> bool:
    return hit.fits is not None and hit.fits >= _TELLS


def _pairs(text: str) -> set[str]:
    """Pairs of neighbouring letters, digits left out."""
    letters = re.sub(r"[\W\d_]", "", text)
    return {letters[place : place + 2] for place in range(len(letters) - 1)}
