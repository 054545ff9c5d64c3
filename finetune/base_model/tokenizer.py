"""The tokenizer of the small GLM: one token a character for Chinese, a small byte-pair encoding for runs of ASCII letters.

A model of this size answers from memory by copying, and copying is easiest when a name has the same ids wherever it stands. Hence no
normalisation, no merging across characters, the blank as a token of its own; whatever is not in the vocabulary falls back to its bytes,
so `decode(encode(text)) == text` for every text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
SPECIALS = (END_OF_TEXT, "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
STOP = SPECIALS[4]  # GLM has no token of its own for the end of a reply: it is the next turn's mark
MERGES = 1_000
RARE = 20  # a character outside the fixed tables needs so many occurrences in the corpora to get a token

_WORD = re.compile(r"[A-Za-z]+")
_PIECE = r"[A-Za-z]+|[\s\S]"  # every other character, blanks and line breaks too, stands alone
_PUNCTUATION = (
    "，。！？、；：“”‘’（）《》〈〉【】「」『』〔〕…—～·￥％＋－＝／＠＃＆＊｜＜＞［］｛｝＿＂＇．"
    "　°℃×÷√→←↑↓■□●○★☆♪♥❤✨✅❌©®™€£–•\u200d\ufe0f"
)
_EMOJI = (
    "👍👎👌✌👏🙏💪🤝👋🤙🎉🎂🎁🎄🎈🔥💯💔💕💖💗💘💓💩👻💀🐶🐱🐭🐰🐻🐼🐷🐸🐔🐟🌸🌹🌙🌞⭐🌟🌈☀"
    "☁☔⚡❄🍎🍉🍓🍑🍜🍚🍲🍔🍕🍰🍺🍻☕🍵🥤🧋🚗🚄✈🏠🏃⚽🏀🎮🎵📷📱💻💰🧧😀"
)
_EMOJI_RANGES = ((0x1F600, 0x1F64F), (0x1F910, 0x1F92F), (0x1F970, 0x1F976))
_KANA = ((0x3041, 0x3096), (0x30A1, 0x30FC))
_CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def build_tokenizer(texts: Iterable[str], *, merges: int = MERGES) -> PreTrainedTokenizerFast:
    """Make the tokenizer from a vocabulary of characters and the words and characters of `texts`.

    Its special tokens are `SPECIALS`; encode people's words with `split_special_tokens=True`, so that they can never form one.
    """
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for text in texts:
        words.update(_WORD.findall(text))
        characters.update(text)
    learned = [character for character, count in characters.most_common() if count >= RARE and character.isprintable()]
    pieces, pairs = _merges(words, merges)
    vocabulary = list(dict.fromkeys([*SPECIALS, *_bytes(), *_characters(), *sorted(learned), *pieces]))
    model = BPE(vocab={token: number for number, token in enumerate(vocabulary)}, merges=pairs, byte_fallback=True)
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), "isolated")
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=backend,
        pad_token=END_OF_TEXT,
        eos_token=STOP,
        additional_special_tokens=list(SPECIALS[1:]),
        clean_up_tokenization_spaces=False,
        padding_side="left",
        chat_template=_CHAT_TEMPLATE,
    )


def han_characters() -> list[str]:
    """Every Han character of GB 2312, levels 1 and 2, in the order of that standard."""
    rows = (bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    return [character for pair in rows if len(character := pair.decode("gb2312", errors="ignore")) == 1]


def _bytes() -> list[str]:
    return [f"<0x{value:02X}>" for value in range(256)]


def _characters() -> list[str]:
    ascii_characters = ["\n", "\t", *(chr(code) for code in range(0x20, 0x7F))]
    emoji = [*_EMOJI, *(chr(code) for first, last in _EMOJI_RANGES for code in range(first, last + 1))]
    kana = [chr(code) for first, last in _KANA for code in range(first, last + 1)]
    return [*ascii_characters, *_PUNCTUATION, *kana, *emoji, *han_characters()]


def _merges(words: Counter[str], size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Learn `size` byte-pair merges inside words: the new pieces and the pairs they come from, in order."""
    learner = Tokenizer(BPE())
    trainer = BpeTrainer(vocab_size=52 + size, initial_alphabet=[], show_progress=False, min_frequency=2)
    learner.train_from_iterator((word for word, count in words.items() for _ in range(min(count, 5_000))), trainer)
    vocabulary = learner.get_vocab()
    order = sorted((token for token in vocabulary if len(token) > 1), key=vocabulary.__getitem__)
    return order, [(left, right) for left, right in json.loads(learner.to_str())["model"]["merges"]]
