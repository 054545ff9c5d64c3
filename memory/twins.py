"""Vectors that are equal to one another, moved apart by a hair before a graph index takes them.

Thousands of bubbles say "好的". Equal vectors become each other's neighbours in an HNSW graph, all of them, and lead nowhere else any
more: of 107,000 generated passages 5.4 % could not be found by their own vectors, and after an unclean end the whole index was taken for
damaged. Moved by a hundredth of their length, in directions that their numbers tell, all are found; cosines change by about .0006.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from memory.embed import Vectors, normalised

_SHIFT = 0.01
_DIRECTIONS = 4093  # a prime; a number takes two of them, so that 16 million differ


def apart(numbers: Sequence[int], vectors: Vectors) -> Vectors:
    """Vectors of length 1, each moved a little in a direction of its number's; the same number always in the same one."""
    if not len(numbers):
        return vectors
    directions = _directions(vectors.shape[1])
    asked = np.asarray(numbers, dtype=np.int64)
    shift = directions[asked % _DIRECTIONS] + directions[asked // _DIRECTIONS % _DIRECTIONS]
    return normalised(vectors + _SHIFT / np.sqrt(2 * vectors.shape[1]) * shift)


@lru_cache(maxsize=2)
def _directions(dimension: int) -> Vectors:
    return np.random.default_rng(0).standard_normal((_DIRECTIONS, dimension), dtype=np.float32)
