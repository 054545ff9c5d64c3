"""Found lines -> which tell what is asked for, and the one that holds now in the best one's place.

"左眼要做手术" and then "我说错了，是右眼" answer "哪边眼睛" with 右眼. A line corrects the best one if it was said after it in the same
chat, tells a value of the kind that is asked for, has words of correction or change ("改到", "说错了", "最后"), and stands in the same talk
or shares words with it; or if it denies the very value that the best one tells, in whatever chat; or, where the question asks how it ended,
if it is about as sure as the best one. Only kinds that a line's form shows are looked at, and not where the question asks for what was said
at first.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from clone_agent.records import Hit
from memory.answers import asks, suits
from memory.asked import Wanted, wanted, wants_the_end
from memory.telling import AT_FIRST, CERTAIN, CHANGES, denies, telling

_LOOKED_AT = 12  # lines that may correct the best one
_SHARE = 0.6  # of the best line's score: what a correction has at least, and what the corrected line keeps
# ... what a later line of its talk, or of another talk, has at least that no word of change marks, where the end is asked for.
_AS_SURE = {True: 0.75, False: 0.8}
_DENIED = 0.3  # ... what a line has at least that denies the very value which the best one tells ("不是X-T30"), in whatever chat
_SAME_TIME = timedelta(hours=6)  # what was said so long before is as late
_TELLS = 0.5  # how well a line fits that tells a value of the kind
_CHANGES = re.compile(rf"{CHANGES.pattern}|不是|(?:^|\s)最[后终]", re.IGNORECASE)


def settled(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, each with how well it fits and what of it holds, in the order given; the last that corrects the best one has its score.

    Args:
        question: one that stands alone and asks one thing.
        hits: what was found.
    """
    want = wanted(question)
    if want is None or want.kind not in CERTAIN or not hits:
        return list(hits)
    judged = [_judged(question, want, hit) for hit in hits]
    best, *others = sorted(judged, key=lambda hit: -hit.score)
    is_end = wants_the_end(question)
    corrections = [] if AT_FIRST.search(question) else [hit for hit in others[:_LOOKED_AT] if _corrects(hit, best, want, is_end=is_end)]
    if not corrections:
        return judged
    latest = max(corrections, key=lambda hit: hit.memory.started_at)
    changed = {id(latest): best.score, id(best): round(_SHARE * best.score, 4)}
    return [replace(hit, score=changed.get(id(hit), hit.score)) for hit in judged]


def _judged(question: str, want: Wanted, hit: Hit) -> Hit:
    """A hit with how well it fits, and with the part of its words that holds."""
    text = hit.memory.text
    told = telling(question, text)
    fits = 0.0 if told.is_taken_back else round(suits(text, want, question=question), 2)
    return replace(hit, fits=fits, told=told.words if told.words != text else None)


def _corrects(hit: Hit, best: Hit, want: Wanted, *, is_end: bool) -> bool:
    one, other = hit.memory, best.memory
    is_as_late = one.started_at >= other.started_at - _SAME_TIME
    if is_as_late and hit.score >= _DENIED * best.score and denies(one.text, other.text, want):
        return True
    if hit.score < _SHARE * best.score or one.conversation != other.conversation or one.started_at <= other.started_at:
        return False
    if not _tells(hit) or not _tells(best) or asks(one.text):
        return False
    if not _CHANGES.search(one.text):
        return is_end and hit.score >= _AS_SURE[one.is_of_the_talk_of(other)] * best.score
    return one.is_of_the_talk_of(other) or bool(_pairs(one.text) & _pairs(other.text))


def _tells(hit: Hit) -> bool:
    return hit.fits is not None and hit.fits >= _TELLS


def _pairs(text: str) -> set[str]:
    """Pairs of neighbouring letters, digits left out."""
    letters = re.sub(r"[\W\d_]", "", text)
    return {letters[place : place + 2] for place in range(len(letters) - 1)}
