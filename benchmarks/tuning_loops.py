"""The training loop beside a plain PyTorch loop, transformers' Trainer and TRL's SFTTrainer: the same model, texts, LoRA and optimizer.

    python benchmarks/tuning_loops.py                        the model that ships, on the CPU
    python benchmarks/tuning_gpu.py                          a GLM-Edge-1.5B of random weights in bfloat16 on a GPU, and every method
    python benchmarks/tuning_loops.py --attention eager      likewise with another attention, or with --float32 in full precision
    pip install trl                                          for TRL's row; without it the row is left out

Every loop on a CPU is a fork, so that its peak memory is its own; on a GPU they follow each other, and each runs twice, since
the first time pays for every kernel. All see the same batches; tokens are counted without padding; the first two steps are not timed.
`busy` counts the processor's own time, which other programs on the machine lengthen less. `--record FILE` keeps each row as soon as it is
there, and the same command goes on.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from tuning_rows import Row, kept_rows
from tuning_shapes import SHAPES, random_model

from finetune.batches import collate, epoch_batches
from finetune.encode import Encoded, encode
from finetune.four_bit import quantize
from finetune.glm import LoadedModel, best_device, load_model
from finetune.loss import autocast_for
from finetune.memory_limits import peak_memory
from finetune.methods.adapter import move
from finetune.methods.registry import METHODS, attach
from finetune.model_files import find_model, fingerprint
from finetune.prepare import Prepared
from finetune.processes import ALONE
from finetune.rehearsal import rehearsal_examples
from finetune.stepper import Stepper
from finetune.tune_config import TuneConfig, TunePlan

RATE, CLIP, LORA = 1e-3, 1.0, {"lora_dropout": 0.0}
_WARM_UP = 2  # steps

trl: Any = None
with suppress(ImportError):
    import datasets
    import trl


def main() -> None:
    """Run every loop and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--shape", choices=("shipped", *SHAPES), default="shipped")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of each loop")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 where the hardware has it")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--rounds", type=int, default=1, help="how often all loops run; the best of each counts")
    parser.add_argument("--loops", help="only these, with commas")
    parser.add_argument("--record", type=Path, help="keep each row in this file as soon as it is there, and pass over those that it holds")
    compare(parser.parse_args())


def compare(options: argparse.Namespace) -> None:
    """Run the loops that the options ask for and print the table."""
    loops: dict[str, Callable[[argparse.Namespace], Row]] = {"clone-agent": ours, "plain PyTorch": plain, "transformers Trainer": trainer}
    if trl is not None:
        loops["TRL SFTTrainer"] = with_trl
    if options.loops:
        loops = {name: loops[name] for name in options.loops.split(",")}
    works = {f"{name}, round {number}": partial(loop, options) for number in range(1, options.rounds + 1) for name, loop in loops.items()}
    settings = ("device", "shape", "steps", "batch_size", "attention", "float32", "gradient_checkpointing")
    about = {"base": fingerprint(find_model(None)), **{name: getattr(options, name) for name in settings}}
    rows = dict(kept_rows(works, options.record, about=about, on_gpu=options.device.startswith("cuda")))
    print("| loop | tokens/s | tokens/s busy | peak MiB | loss after |\n|---|---|---|---|---|")
    for name in loops:
        own = [row for made, row in rows.items() if made.startswith(f"{name}, ")]
        speed, busy = (max(row[key] for row in own) for key in ("speed", "busy_speed"))
        print(f"| {name} | {speed:,.0f} | {busy:,.0f} | {min(row['peak'] for row in own) / 2**20:,.0f} | {own[0]['loss']:.3f} |")


def autocast(options: argparse.Namespace, model: PreTrainedModel) -> AbstractContextManager[object]:
    """That of the program, unless full precision is asked for."""
    return nullcontext() if options.float32 else autocast_for(model)


def load(options: argparse.Namespace, *, four_bit: bool = False) -> tuple[LoadedModel, list[Encoded]]:
    """The model and enough texts for every step."""
    loaded = load_model(None, device="cpu")
    count = options.batch_size * (options.steps + _WARM_UP)
    drawn = islice(rehearsal_examples(language="zh", seed=1), count)
    texts = [encode(example, loaded.format, max_length=512) for example in drawn]
    device = torch.device(options.device)
    model: PreTrainedModel = loaded.model if options.shape == "shipped" else random_model(options.shape, device)
    if four_bit:
        quantize(model, device)
    move(model, device)
    model.set_attn_implementation(options.attention)
    if options.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return LoadedModel(name=loaded.name, fingerprint="", model=model, tokenizer=loaded.tokenizer, format=loaded.format), texts


def figures(marks: Sequence[tuple[float, float]], tokens: int, loss: float, device: torch.device) -> Row:
    """From the clock before the first timed step and after the last: speeds, memory, loss."""
    (start, busy), (end, busy_end) = marks[0], marks[-1]
    return {"speed": tokens / (end - start), "busy_speed": tokens / (busy_end - busy), "peak": peak_memory(device), "loss": loss}


def clock() -> tuple[float, float]:
    """Wall clock and the processor's time, after the device has finished what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def ours(options: argparse.Namespace, method: str = "lora") -> Row:
    """`finetune.stepper`, as `clone-agent tune` runs it."""
    loaded, texts = load(options, four_bit=METHODS[method].four_bit)
    adapter = attach(loaded.model, method, LORA if METHODS[method].peft_config else {})
    steps = options.steps + _WARM_UP
    config = TuneConfig(learning_rate=RATE, schedule="constant", warmup_share=0.0, batch_size=options.batch_size, clip=CLIP)
    known = {"steps": steps, "learning_rate": RATE, "step_tokens": config.pass_tokens(loaded.device.type)}
    plan = TunePlan(**dict.fromkeys(TunePlan.__dataclass_fields__, 0) | known)  # type: ignore[arg-type]
    prepared = Prepared(
        loaded=loaded,
        adapter=adapter,
        train=texts,
        rows=options.batch_size,
        evaluation=[],
        looks=0,
        shown=[],
        dataset={},
        identity={},
        plan=plan,
    )
    stepper, marks, tokens, loss = Stepper(config, prepared, ALONE), [], 0, 0.0
    stepper._autocast = autocast(options, loaded.model)  # else it goes by the hardware
    for step in range(steps):
        if step == _WARM_UP:
            marks.append(clock())
        loss, taken = stepper.take(step)
        tokens += taken if step >= _WARM_UP else 0
    return figures([*marks, clock()], tokens, loss, loaded.device)


def batches(texts: Sequence[Encoded], options: argparse.Namespace) -> list[list[int]]:
    """The batches that `Stepper` takes."""
    return epoch_batches([len(text.input_ids) for text in texts], batch_size=options.batch_size, seed=0, epoch=0)


def plain(options: argparse.Namespace) -> Row:
    """The loop that anyone would write: peft's LoRA, logits of every token, cross-entropy, AdamW."""
    loaded, texts = load(options)
    model, device = loaded.model, loaded.device
    parameters = list(attach(model, "lora", LORA).parameters.values())
    optimizer, marks, tokens, value = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0), [], 0, 0.0
    model.train()
    for step, indexes in enumerate(batches(texts, options)):
        if step == _WARM_UP:
            marks.append(clock())
        batch = collate([texts[index] for index in indexes]).to(device)
        with autocast(options, model):
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
            loss = cross_entropy(logits[:, :-1].flatten(0, 1).float(), batch.labels[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        value = float(loss.detach())
        tokens += sum(len(texts[index].input_ids) for index in indexes) if step >= _WARM_UP else 0
    return figures([*marks, clock()], tokens, value, device)


class _Marks(TrainerCallback):  # type: ignore[misc]
    """Reads the clock after the warm-up and after every step."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []
        self.loss = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer."""
        if state.global_step >= _WARM_UP:
            self.marks.append(clock())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Called by the trainer."""
        self.loss = float((logs or {}).get("loss", self.loss))


def trainer_settings(options: argparse.Namespace, loaded: LoadedModel, folder: str) -> dict[str, Any]:
    """What a trainer of transformers is told, so that it takes the same steps."""
    with autocast(options, loaded.model):
        in_bfloat16 = torch.is_autocast_enabled(loaded.device.type)
    return {
        "output_dir": folder,
        "per_device_train_batch_size": options.batch_size,
        "max_steps": options.steps + _WARM_UP,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "max_grad_norm": CLIP,
        "weight_decay": 0.0,
        "bf16": in_bfloat16,
        "use_cpu": loaded.device.type == "cpu",
        "gradient_checkpointing": options.gradient_checkpointing,
        "save_strategy": "no",
        "report_to": [],
        "logging_steps": 1,
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
    }


def trainer(options: argparse.Namespace) -> Row:
    """Train with transformers' own Trainer, on texts in the same order."""
    loaded, texts = load(options)
    attach(loaded.model, "lora", LORA)
    order = [texts[index] for batch in batches(texts, options) for index in batch]
    marks = _Marks()

    def side_by_side(rows: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        batch = collate(rows)
        return {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, "labels": batch.labels}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(**trainer_settings(options, loaded, folder), remove_unused_columns=False)
        Trainer(model=loaded.model, args=arguments, train_dataset=order, data_collator=side_by_side, callbacks=[marks]).train()
    return figures(marks.marks, timed_tokens(order, options), marks.loss, loaded.device)


def with_trl(options: argparse.Namespace) -> Row:
    """TRL's SFTTrainer on texts that are token ids already, in the same order."""
    loaded, texts = load(options)
    attach(loaded.model, "lora", LORA)
    order = [texts[index] for batch in batches(texts, options) for index in batch]
    columns = {"input_ids": [text.input_ids for text in order], "labels": [text.labels for text in order]}
    rows = datasets.Dataset(datasets.table.InMemoryTable.from_pydict(columns), fingerprint="texts")
    marks = _Marks()
    with tempfile.TemporaryDirectory() as folder:
        own = {"max_length": None, "packing": False, "dataset_kwargs": {"skip_prepare_dataset": True}}
        arguments = trl.SFTConfig(**trainer_settings(options, loaded, folder), **own)
        trl.SFTTrainer(model=loaded.model, args=arguments, train_dataset=rows, processing_class=loaded.tokenizer, callbacks=[marks]).train()
    return figures(marks.marks, timed_tokens(order, options), marks.loss, loaded.device)


def timed_tokens(order: Sequence[Encoded], options: argparse.Namespace) -> int:
    """Of all steps but those of the warm-up."""
    return sum(len(text.input_ids) for text in order[_WARM_UP * options.batch_size :])


if __name__ == "__main__":
    main()
