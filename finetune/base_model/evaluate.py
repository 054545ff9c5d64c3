"""What the small GLM can do, on tasks with values and patterns that training never saw.

`python -m finetune.base_model.evaluate --corpora DIR [--model DIR] [--json FILE]` prints the figures of the model card.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import torch
from torch.nn import functional
from transformers import AutoTokenizer, GenerationConfig, GlmForCausalLM, PreTrainedTokenizerFast

from clone_agent.prompt import split_citation, system_prompt
from clone_agent.records import ChatTurn, Persona
from finetune.base_model.corpora import read_dialogues
from finetune.base_model.questions import Question
from finetune.base_model.reading import Level, draw_reading
from finetune.base_model.small_talk import Corpus, bubbles, gather, own_exchanges
from finetune.chat_format import chat_format
from finetune.quoting import QuotedReply, quotable

UNKNOWN = re.compile(r"不记得|记不清|忘了|没印象|想不起|不知道|不清楚|don't remember|not remember|recall|no idea|forgot|not sure")

_DATED = re.compile(r"(?<=[天晚早一二三四五六日])（\d+月\d+号）|(?<=[yowt]) \([A-Z][a-z]{2} \d+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question after one system message."""

    system: str
    question: Question


def draw_probes(
    corpus: Corpus,
    *,
    size: int,
    lines: int = 6,
    facts: float = Level().facts,
    english: float = 0.0,
    new_patterns: bool = False,
    seed: int = 7,
) -> list[Probe]:
    """Questions with held-out values; of the patterns training knows, or of those it does not; `facts`: share of those out of scenes."""
    rng = Random(f"probe {seed}")
    probes: list[Probe] = []
    level = Level(most_lines=lines, most_questions=1, absent=0.3, facts=facts)
    while len(probes) < size:
        language = "en" if rng.random() < english else "zh"
        said = corpus.said(language, held_out=True)
        task = draw_reading(rng, level, language=language, said=said, held_out=True, new_patterns=new_patterns)
        probes.append(Probe(system=task.system, question=task.questions[0]))
    return probes


def answer_all(
    model: GlmForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    talks: Sequence[Sequence[ChatTurn]],
    *,
    batch: int = 20,
    is_quoted: bool = True,
) -> list[str]:
    """The greedy reply to each talk; what it says of a line kept to that line's words, or free."""
    form = chat_format(tokenizer)
    prompts = [form.prompt_ids(talk) for talk in talks]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    replies = [""] * len(prompts)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        quoted = [quotable(talks[index], tokenizer, form.stop_ids) if is_quoted else None for index in chosen]
        found = _generate(model, [prompts[index] for index in chosen], quoted, set(form.stop_ids))
        for index, ids in zip(chosen, found, strict=True):
            replies[index] = str(tokenizer.decode(ids))
    return replies


@torch.inference_mode()
def _generate(
    model: GlmForCausalLM, prompts: Sequence[list[int]], quoted: Sequence[QuotedReply | None], stops: set[int], *, most: int = 80
) -> list[list[int]]:
    """Greedy decoding of a batch, padded on the left."""
    device, pad = next(model.parameters()).device, model.config.pad_token_id or 0
    width = max(len(prompt) for prompt in prompts)
    input_ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    settings = GenerationConfig(max_new_tokens=most, do_sample=False, eos_token_id=sorted(stops), pad_token_id=pad)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    everything = list(range(model.config.vocab_size))

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        reply, limits = ids[width:].tolist(), quoted[row]
        tokens = None if limits is None or not stops.isdisjoint(reply) else limits.allowed(reply)
        return everything if tokens is None else sorted(tokens)

    # The mixin types its own `self` as a protocol that no model class satisfies.
    out = model.generate(input_ids, generation_config=settings, attention_mask=mask, prefix_allowed_tokens_fn=allowed)  # type: ignore[misc]
    rows: list[list[int]] = out[:, width:].tolist()
    return [row[: next((place for place, token in enumerate(row) if token in stops), len(row))] for row in rows]


def score_reading(probes: Sequence[Probe], replies: Sequence[str]) -> dict[str, float]:
    """Shares of right answers, of "I do not remember" where it is due, and where it is not."""
    known = [(probe, reply) for probe, reply in zip(probes, replies, strict=True) if probe.question.gold]
    unknown = [reply for probe, reply in zip(probes, replies, strict=True) if not probe.question.gold]
    right = [is_right(probe.question.gold, reply) for probe, reply in known]
    figures = {
        "accuracy": _mean(right),
        "abstains": _mean([is_unknown(reply) for reply in unknown]),
        "false_abstention": _mean([is_unknown(reply) and not ok for (_, reply), ok in zip(known, right, strict=True)]),
        "right_line": _mean([split_citation(reply)[0] == split_citation(probe.question.reply)[0] for probe, reply in known]),
    }
    kinds = sorted({probe.question.kind for probe, _ in known})
    return figures | {
        f"kind.{kind}": _mean([ok for (probe, _), ok in zip(known, right, strict=True) if probe.question.kind == kind]) for kind in kinds
    }


def is_right(gold: str, reply: str) -> bool:
    """Whether a reply holds the answer, blanks, case and the citation aside; a number must not be part of a longer one."""
    wanted, text = _plain(gold), split_citation(reply)[1]
    edge = r"(?<!\d)" if wanted[:1].isdigit() else ""
    pattern = edge + re.escape(wanted) + (r"(?!\d)" if wanted[-1:].isdigit() else "")
    return any(re.search(pattern, form) for shown in (text, without_dates(text)) for form in (_plain(shown), shown.casefold()))


def without_dates(text: str) -> str:
    """A line without the dates that the prompt writes after words like "tomorrow"."""
    return _DATED.sub("", text)


def is_unknown(reply: str) -> bool:
    """Whether a reply says that it does not remember: by resting on no line, or, without a citation, in words."""
    number, text = split_citation(reply)
    return number == 0 if number is not None else bool(UNKNOWN.search(text))


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold().replace("日", "号")


def _mean(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan


def measure_reading(
    model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe], *, is_quoted: bool = True
) -> dict[str, float]:
    """Ask all probes and score the replies."""
    model.eval()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    talks = [[ChatTurn(role="system", text=probe.system), ChatTurn(role="user", text=probe.question.text)] for probe in probes]
    return score_reading(probes, answer_all(model, tokenizer, talks, is_quoted=is_quoted))


@torch.inference_mode()
def perplexity(model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, *, size: int = 300) -> float:
    """Per token, of held-out chat replies with their stop token."""
    form, rng = chat_format(tokenizer), Random("perplexity")
    losses: list[torch.Tensor] = []
    for *context, reply in rng.sample(corpus.held_out_exchanges, min(size, len(corpus.held_out_exchanges))):
        known = form.prompt_ids([ChatTurn(role="user", text=context[-1])])
        target = form.response_ids(bubbles(reply, rng))
        logits = model(input_ids=torch.tensor([known + target], device=next(model.parameters()).device)).logits[0, len(known) - 1 : -1]
        losses.append(functional.cross_entropy(logits.float().cpu(), torch.tensor(target), reduction="none"))
    return float(torch.cat(losses).mean().exp())


def measure_small_talk(model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, *, language: str) -> dict[str, float]:
    """The share of our own list of small talk that gets a reply of its own line, not of another."""
    system = system_prompt(Persona(name="林晚", language=language), now=datetime(2024, 5, 15, 20, 10), hits=None)
    exchanges = own_exchanges(language)
    replies = answer_all(
        model, tokenizer, [[ChatTurn(role="system", text=system), ChatTurn(role="user", text=said)] for said, _ in exchanges]
    )
    return {"fitting": _mean([reply.strip() in own for reply, (_, own) in zip(replies, exchanges, strict=True)])}


def speed(model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe]) -> dict[str, float]:
    """Replies a second, one after the other, with the memory block of each probe."""
    talks = [[ChatTurn(role="system", text=probe.system), ChatTurn(role="user", text=probe.question.text)] for probe in probes[:20]]
    started = time.monotonic()
    replies = answer_all(model, tokenizer, talks, batch=1)
    passed = time.monotonic() - started
    return {"replies_per_s": len(replies) / passed, "characters_per_s": sum(map(len, replies)) / passed}


def measure(model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, *, size: int = 300) -> dict[str, dict[str, float]]:
    """Every figure of the model card."""
    model.eval()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    known, scenes = draw_probes(corpus, size=size), draw_probes(corpus, size=size, facts=1.0)
    without = [Probe(system=probe.system.split("\n", 1)[0], question=probe.question) for probe in known if probe.question.gold]
    return {
        "facts with new values": measure_reading(model, tokenizer, scenes),
        "facts with new values, not kept to the words of the lines": measure_reading(model, tokenizer, scenes, is_quoted=False),
        "facts with new values, at most 3 lines, as the agent shows": measure_reading(
            model, tokenizer, draw_probes(corpus, size=size, facts=1.0, lines=3)
        ),
        "facts with new values, at most 2 lines": measure_reading(model, tokenizer, draw_probes(corpus, size=size, facts=1.0, lines=2)),
        "facts with new values in new patterns": measure_reading(
            model, tokenizer, draw_probes(corpus, size=size, facts=1.0, new_patterns=True)
        ),
        "all kinds of questions": measure_reading(model, tokenizer, known),
        "all kinds of questions, at most 2 lines": measure_reading(model, tokenizer, draw_probes(corpus, size=size, lines=2)),
        "English, new values": measure_reading(model, tokenizer, draw_probes(corpus, size=size // 2, english=1.0)),
        "without memory": measure_reading(model, tokenizer, without),
        "chat": {"perplexity": perplexity(model, tokenizer, corpus)},
        "small talk of our own list": measure_small_talk(model, tokenizer, language="zh"),
        "speed": speed(model, tokenizer, known),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a model from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="the folder it was trained on: an eighth of it was held out")
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = GlmForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    figures = measure(model, tokenizer, gather(read_dialogues(options.corpora)), size=options.size)
    for name, rows in figures.items():
        print(f"{name}: " + ", ".join(f"{row} {value:.3f}" for row, value in rows.items()))
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
