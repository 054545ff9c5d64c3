"""Which neighbouring passages of a talk are read together.

A talk is read whole where it is short; of a long one, the passages around each that was found. A passage that stands at the edge of the
window of another one, though its talk goes on there, gets a window of its own: what it answers or what answers it stands beyond.
"""

from collections.abc import Mapping, Sequence

MOST = 10  # passages of a window
REACH = 41  # passages on each side of one that was found whose sessions have to be known
_BEFORE = 5  # ... the one that was found, in a long talk; half of a smaller window
_INSIDE = (2, 1)  # passages that stand before and after one that needs no window of its own


def windows(numbers: Sequence[int], session_of: Mapping[int, int], *, most: int = MOST) -> list[range]:
    """The windows that hold all of some passages, in the order in which these need them.

    Args:
        numbers: of the passages that were found, best first.
        session_of: the session of each of them and of `REACH` passages on each side, where there are so many.
        most: passages of a window.
    """
    found: list[range] = []
    covered: set[int] = set()
    for number in numbers:
        if number in covered:
            continue
        first, last = _ends(number, session_of)
        start = first
        if last - first >= most:
            start = max(first, min(number - min(_BEFORE, most // 2), last - most + 1))
        window = range(start, min(last + 1, start + most))
        found.append(window)
        covered |= {number, *(each for each in window if _is_inside(each, window, first, last))}
    return found


def _ends(number: int, session_of: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last passage of a session, as far as is looked."""
    first = last = number
    while number - first < REACH - 1 and session_of.get(first - 1) == session_of[number]:
        first -= 1
    while last - number < REACH - 1 and session_of.get(last + 1) == session_of[number]:
        last += 1
    return first, last


def _is_inside(number: int, window: range, first: int, last: int) -> bool:
    before, after = number - window[0], window[-1] - number
    return (before >= _INSIDE[0] or window[0] == first) and (after >= _INSIDE[1] or window[-1] == last)
