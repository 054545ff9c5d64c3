"""Ranked passages -> the lines that the answering model reads: within its budget, the best first chosen, then in time order.

The ranking already knows which lines follow a question or stand in the right exchange, so each comes for its own score; neighbours cost
recall at a fixed budget and are added only with what is left.
"""

from collections.abc import Callable, Sequence

from clone_agent.records import Memory
from memory.table import PassageTable

BUDGET = 4_000  # characters: about a thousand tokens
_LINE_COST = 24  # characters of a line's number, date and colon
_AT_ONCE = 24  # passages read from the archive


def pack(
    ranked: Sequence[int],
    table: PassageTable,
    *,
    memories: Callable[[Sequence[int]], Sequence[Memory]],
    is_allowed: Callable[[int], bool] = lambda number: True,
    top_k: int,
    budget: int = BUDGET,
) -> list[tuple[int, Memory]]:
    """Choose passages for the prompt.

    The best come first, as long as they fit into the budget; what does not fit is passed over. With lines and characters left, the
    neighbours of the best are added.

    Args:
        ranked: passage numbers, best first.
        table: where they stand.
        memories: reads passages as records, in the order asked for.
        is_allowed: whether a passage that was not ranked may come along.
        top_k: at most so many passages.
        budget: characters, counting each line's date and name.

    Returns:
        (number, passage) in time order, at most `top_k`.
    """
    chosen: dict[int, Memory] = {}
    left = budget

    def take(number: int, memory: Memory) -> bool:
        nonlocal left
        cost = len(memory.text) + len(memory.speaker_name) + _LINE_COST
        if number in chosen or len(chosen) >= top_k or cost > left:
            return False
        chosen[number] = memory
        left -= cost
        return True

    def take_all(numbers: Sequence[int]) -> None:
        allowed = [number for number in numbers if number not in chosen and is_allowed(number)]
        for number, memory in zip(allowed, memories(allowed), strict=True):
            take(number, memory)

    for start in range(0, len(ranked), _AT_ONCE):
        batch = ranked[start : start + _AT_ONCE]
        for number, memory in zip(batch, memories(batch), strict=True):
            take(number, memory)
        if len(chosen) >= top_k or left <= _LINE_COST:
            break
    for number in list(chosen):
        if len(chosen) < top_k and left > _LINE_COST:
            take_all(table.neighbours(number))
    return sorted(chosen.items(), key=lambda item: (item[1].started_at, item[0]))
