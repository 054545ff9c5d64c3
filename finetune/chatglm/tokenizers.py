"""The original tokenizers as fast ones: the same ids, without SentencePiece, tiktoken or the code that came with them.

    generation          file              kind
    ChatGLM-6B          ice_text.model    SentencePiece Unigram; NFKC; line breaks, tabs and runs of blanks are pieces of their own
    ChatGLM2, 3         tokenizer.model   SentencePiece BPE with byte fallback; the special tokens follow the pieces
    GLM-4-9B            tokenizer.model   tiktoken: a line of base64 and rank for each token; the special tokens follow

ChatGLM2 and 3 call two special tokens `sop` and `eop`, which are four letters of "sophisticated"; here they are `<sop>` and `<eop>`.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode, generate_merges
from transformers.utils import sentencepiece_model_pb2_new as sentencepiece

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import Generation, is_tiktoken

FAMILY = "chat_family"  # key of tokenizer_config.json that tells `finetune.chat_format` whose chats these are
_MASKS = ("[MASK]", "[gMASK]", "[sMASK]")
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
_SPECIALS = {
    Generation.CHATGLM: (*_MASKS, "<unused_0>", "<sop>", "<eop>"),
    Generation.CHATGLM2: (*_MASKS, "<sop>", "<eop>"),
    Generation.CHATGLM3: (*_MASKS, "<sop>", "<eop>", *_ROLES),
    Generation.GLM4: (
        *("<|endoftext|>", *_MASKS, "<sop>", "<eop>", *_ROLES),
        *("<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>"),
    ),
}
_NORMAL, _USER_DEFINED = 1, 4  # types of a SentencePiece piece
_NEVER = -1e6  # a score that keeps a piece out of every text
_BLANKS = range(80, 1, -1)  # longest runs first
_WORD = (  # how GLM-4 cuts a text before its byte pairs are merged
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_BY_ROLE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n$SPACE{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def convert_tokenizer(path: Path, generation: Generation, *, name: str, image_tokens: int = 0) -> PreTrainedTokenizerFast:
    """Make the fast tokenizer.

    Args:
        path: the original file.
        generation: whose it is.
        name: of the model, for errors.
        image_tokens: ids that a ChatGLM-6B keeps free before those of the text.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        if is_tiktoken(path):
            backend = _tiktoken(path, _SPECIALS[Generation.GLM4])
        else:
            model = sentencepiece.ModelProto()  # type: ignore[attr-defined]  # protobuf makes the class at run time
            model.ParseFromString(path.read_bytes())
            backend = _unigram(model, image_tokens) if generation is Generation.CHATGLM else _bpe(model, _SPECIALS[generation])
    except (DecodeError, OSError, ValueError, KeyError, IndexError, binascii.Error) as cause:
        raise ModelError(f"{name}: {path.name} is truncated or damaged.", remedy="Fetch the model again.") from cause
    _frame(backend, generation)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=backend,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=_template(generation),
        **_named(generation),
        **{FAMILY: "glm" if generation is Generation.GLM4 else str(generation)},
    )


def _bpe(model: Any, specials: Sequence[str]) -> Tokenizer:
    """ChatGLM2 and 3. A piece's score is its rank, which gives the merges back."""
    vocabulary = {piece.piece: number for number, piece in enumerate(model.pieces)}
    scores = {piece.piece: piece.score for piece in model.pieces}
    unusable = {piece.piece for piece in model.pieces if piece.type != _NORMAL}
    merges = generate_merges(vocabulary, scores, skip_tokens=unusable)
    backend = Tokenizer(BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106 - no password
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence([*_sentence_decoders()])
    _add_specials(backend, ["<unk>", "<s>", "</s>", *specials])
    return backend


def _unigram(model: Any, image_tokens: int) -> Tokenizer:
    """ChatGLM-6B. Control and byte pieces get a score that no text can want, so people's words never become one of them."""
    pieces = [(piece.piece, piece.score if piece.type in (_NORMAL, _USER_DEFINED) else _NEVER) for piece in model.pieces]
    images = [(f"<image_{number}>", _NEVER) for number in range(image_tokens)]
    backend = Tokenizer(Unigram(images + pieces, unk_id=image_tokens + model.trainer_spec.unk_id, byte_fallback=True))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("\n", "<n>"),
            normalizers.Replace("\t", "<|tab|>"),
            *(normalizers.Replace(" " * count, f"<|blank_{count}|>") for count in _BLANKS),
            *([normalizers.Precompiled(charsmap)] if (charsmap := model.normalizer_spec.precompiled_charsmap) else []),
            normalizers.Replace(Regex(r"^ +| +$"), ""),
            normalizers.Replace(Regex(r" {2,}"), " "),  # NFKC makes blanks of wider ones
            normalizers.Prepend("▁"),
            normalizers.Replace(" ", "▁"),
        ]
    )
    letters = {piece.piece for piece in model.pieces if piece.type == _NORMAL}
    if any(letter not in letters for piece, score in pieces if score == _NEVER for letter in piece):
        # Where a letter of "[gMASK]" is no piece, its bytes would be wanted even less; then no piece may reach over its bracket.
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\[<](?!n>|\|tab\||\|blank_)"), "merged_with_previous")
    backend.decoder = decoders.Sequence(
        [
            *_sentence_decoders(),
            decoders.Replace("<n>", "\n"),
            decoders.Replace("<|tab|>", "\t"),
            *(decoders.Replace(f"<|blank_{count}|>", " " * count) for count in _BLANKS),
        ]
    )
    _add_specials(backend, ["<unk>", "<s>", "</s>", "<pad>", *_SPECIALS[Generation.CHATGLM]])
    return backend


def _tiktoken(path: Path, specials: Sequence[str]) -> Tokenizer:
    """GLM-4. A token's rank is the order of its merge; a word that is a token as a whole is never merged."""
    ranks: dict[bytes, int] = {}
    for line in path.read_bytes().split(b"\n"):
        if line.strip():
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
    letters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def written(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges: list[tuple[bytes, bytes]] = []
    for token in sorted((token for token in ranks if len(token) > 1), key=ranks.__getitem__):
        cuts = [(token[:at], token[at:]) for at in range(1, len(token))]
        merges += sorted(
            (pair for pair in cuts if pair[0] in ranks and pair[1] in ranks), key=lambda pair: (ranks[pair[0]], ranks[pair[1]])
        )
    vocabulary = {written(token): rank for token, rank in ranks.items()}
    backend = Tokenizer(BPE(vocabulary, [(written(left), written(right)) for left, right in merges], ignore_merges=True))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WORD), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    _add_specials(backend, specials)
    return backend


def _sentence_decoders() -> list[Any]:
    """SentencePiece's way from pieces to text: blanks back, bytes together, and without the blank that was put in front."""
    return [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]


def _add_specials(backend: Tokenizer, tokens: Sequence[str]) -> None:
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])


def _frame(backend: Tokenizer, generation: Generation) -> None:
    """What the originals put around a text by themselves: `[gMASK] <sop>`, behind it in ChatGLM-6B, before it in the others."""
    marks = [(token, backend.token_to_id(token)) for token in ("[gMASK]", "<sop>")]
    order = "$A:0 [gMASK]:0 <sop>:0" if generation is Generation.CHATGLM else "[gMASK]:0 <sop>:0 $A:0"
    backend.post_processor = processors.TemplateProcessing(single=order, pair=f"{order} $B:0", special_tokens=marks)


def _named(generation: Generation) -> dict[str, Any]:
    """Which special token plays which part, and which others there are."""
    specials = list(_SPECIALS[generation])
    if generation is Generation.CHATGLM:
        return {
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "bos_token": "<sop>",
            "eos_token": "<eop>",
            "additional_special_tokens": specials,
        }
    if generation is Generation.GLM4:
        return {"pad_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "additional_special_tokens": specials}
    return {"unk_token": "<unk>", "pad_token": "<unk>", "eos_token": "</s>", "additional_special_tokens": specials}


def _template(generation: Generation) -> str:
    """The chats' Jinja template, for other programs; this one builds ids message by message (`finetune.chat_format`)."""
    if generation is Generation.GLM4:
        return _BY_ROLE.replace("$SPACE", "")
    if generation is Generation.CHATGLM3:
        return _BY_ROLE.replace("$SPACE", " ")
    start, between, first = ("", "\n", 0) if generation is Generation.CHATGLM else ("[gMASK]<sop>", "\n\n", 1)
    end = "[gMASK]<sop>" if generation is Generation.CHATGLM else ""
    rounds = (
        "{% set ns = namespace(round=$FIRST, system='') %}{% for message in messages %}"
        "{% if message['role'] == 'system' %}{% set ns.system = message['content'] + '\n\n' %}"
        "{% elif message['role'] == 'user' %}[Round {{ ns.round }}]$BETWEEN问：{{ ns.system + message['content'] }}$BETWEEN答："
        "{% set ns.round = ns.round + 1 %}{% set ns.system = '' %}"
        "{% else %}{{ message['content'] }}$BETWEEN{% endif %}{% endfor %}"
    )
    rounds = rounds.replace("$FIRST", str(first)).replace("$BETWEEN", between)
    if generation is Generation.CHATGLM:  # a first question stands alone
        alone = "{% if messages | length == 1 %}{{ messages[0]['content'] }}{% else %}"
        rounds = alone + rounds + "{% endif %}"
    return start + rounds + end
