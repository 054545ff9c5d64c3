"""Tokenizer files as the makers of ChatGLM wrote them, with a handful of pieces."""

import base64
from pathlib import Path

from transformers.utils import sentencepiece_model_pb2_new as sentencepiece

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
WORDS = ("▁", "你", "好", "你好", "h", "e", "l", "o", "s", "p", "[", "]", "<", ">", "|", "_", "▁h", "el", "lo", "ello", "▁hello", "op")
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def _model(kind: int, pieces: list[tuple[str, float, int]]) -> sentencepiece.ModelProto:
    model = sentencepiece.ModelProto()
    model.trainer_spec.model_type = kind
    model.trainer_spec.byte_fallback = True
    for piece, score, sort in pieces:
        model.pieces.add(piece=piece, score=score, type=sort)
    return model


def write_unigram(path: Path) -> Path:
    """ChatGLM-6B's `ice_text.model`; without its table of NFKC, which is 240 kB."""
    control = [(token, 0.0, CONTROL) for token in ("<s>", "</s>", "<pad>")]
    own = [(token, 0.0, USER_DEFINED) for token in ("<n>", "<|tab|>", *(f"<|blank_{count}|>" for count in range(2, 81)))]
    words = [(word, -5.0 - len(WORDS) / 10 + index / 10 - 0.01 * len(word), NORMAL) for index, word in enumerate(WORDS)]
    late = [(token, 0.0, CONTROL) for token in ("[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>")]
    fallback = [(token, 0.0, BYTE) for token in BYTES]
    path.write_bytes(_model(1, [("<unk>", 0.0, UNKNOWN), *control, *own, *words, *late, *fallback]).SerializeToString())
    return path


def write_bpe(path: Path) -> Path:
    """`tokenizer.model` of ChatGLM2 and 3."""
    control = [("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    words = sorted(WORDS, key=len, reverse=True)
    order = [(word, -float(rank), NORMAL) for rank, word in enumerate(sorted(words, key=len))]
    path.write_bytes(_model(2, [("<unk>", 0.0, UNKNOWN), *control, *((token, 0.0, BYTE) for token in BYTES), *order]).SerializeToString())
    return path


def write_tiktoken(path: Path) -> Path:
    """`tokenizer.model` of GLM-4-9B: all bytes, then merges."""
    merges = ["he", "ll", "hell", " hell", "op", "so", "你".encode()[:2], "你", "好".encode()[:2], "好", "你好", "\n\n", "12", "123"]
    tokens = [bytes([value]) for value in range(256)] + [merge.encode() if isinstance(merge, str) else merge for merge in merges]
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)))
    return path
