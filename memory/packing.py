"""Ranked passages -> the lines that the answering model reads: within its budget, the best first chosen, then in time order."""

from collections.abc import Callable, Iterable, Sequence

from clone_agent.records import Memory

LINE_COST = 24  # characters of a line's number, date and colon
_AT_ONCE = 24  # passages read from the archive
BUDGET = 4_000  # characters: about a thousand tokens


def pack(
    ranked: Sequence[int],
    *,
    memories: Callable[[Sequence[int]], Sequence[Memory]],
    neighbours: Callable[[int], Iterable[int]],
    top_k: int,
    budget: int = BUDGET,
) -> list[tuple[int, Memory]]:
    """Choose passages for the prompt.

    The best come first as long as they fit into the budget; what does not fit is passed over. Only with lines and characters left are the
    neighbours of the best added, since they cost recall at a fixed budget.

    Returns:
        (number, passage) in time order, at most `top_k`.
    """
    chosen: dict[int, Memory] = {}
    left = budget

    def take(numbers: Sequence[int]) -> None:
        nonlocal left
        for number, memory in zip(numbers, memories(numbers), strict=True):
            cost = len(memory.text) + len(memory.speaker_name) + LINE_COST
            if number not in chosen and len(chosen) < top_k and cost <= left:
                chosen[number] = memory
                left -= cost

    for start in range(0, len(ranked), _AT_ONCE):
        take(ranked[start : start + _AT_ONCE])
        if len(chosen) >= top_k or left < LINE_COST:
            break
    for number in list(chosen):
        if len(chosen) >= top_k or left < LINE_COST:
            break
        take([near for near in neighbours(number) if near not in chosen])
    return sorted(chosen.items(), key=lambda item: (item[1].started_at, item[0]))
