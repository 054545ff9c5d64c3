"""`models`: the known checkpoints, and what each takes on this machine."""

from typing import TYPE_CHECKING

import click

from ui.options import Call, common
from ui.show import Screen, count

if TYPE_CHECKING:
    from finetune.known_models import KnownModel
    from finetune.needs import Machine, Need, Needs

_WIDE = 144  # columns that the table needs
_OTHERS = "Any other causal language model with a chat template loads as well (Qwen, Llama), untested."


@click.command(epilog="Example: clone-agent models")
@click.option("--device", help="cpu, cuda, mps ...  [default: the best one here]")
@common
def models(call: Call, device: str | None) -> None:
    """List the models that can answer and be tuned, with size, licence, and what each takes here.

    Memory and minutes are estimates; `clone-agent tune` measures before it starts. What does not fit is in brackets.
    """
    from finetune.known_models import known_models
    from finetune.needs import TOKENS, look_around, needs_of

    machine = look_around(device)
    rows = [(model, needs_of(model, machine)) for model in known_models()]
    call.screen.result(
        {
            "device": machine.device,
            "memory": machine.memory,
            "tokens": TOKENS,
            "models": [_fields(model, needs) for model, needs in rows],
            "other": _OTHERS,
        }
    )
    if not call.screen.as_json:
        _print(call, machine, rows, tokens=TOKENS)


def _fields(model: "KnownModel", needs: "Needs") -> dict[str, object]:
    return {
        "name": model.name,
        "parameters": needs.parameters,
        "bytes": needs.bytes,
        "licence": model.licence.name,
        "duty": model.licence.duty,
        "note": model.note,
        "answer": {"memory": needs.answer.memory, "fits": needs.answer.fits},
        "methods": {
            name: {"memory": need.memory, "minutes": need.minutes, "trained": need.trained, "fits": need.fits}
            for name, need in needs.methods.items()
        },
    }


def _print(call: Call, machine: "Machine", rows: "list[tuple[KnownModel, Needs]]", *, tokens: int) -> None:
    screen = call.screen
    if screen.out.width >= _WIDE:
        _print_table(screen, rows)
    else:
        for model, needs in rows:
            screen.say(f"{model.name}, {_size(needs.parameters)}, {model.licence.name}")
            uses = {"answer": needs.answer, **needs.methods}
            screen.say("  " + ", ".join(f"{name} {_use(use)}" for name, use in uses.items()))
        screen.say()
    screen.say(f"{machine.device}: {machine.memory / 2**30:.1f} GiB of memory free. Times are for {count(tokens, 'token')}, about.")
    for licence in dict.fromkeys(model.licence for model, _ in rows):
        screen.say(f"{licence.name}: {licence.duty}")
    screen.say(_OTHERS)
    screen.next("clone-agent tune --base NAME")


def _print_table(screen: Screen, rows: "list[tuple[KnownModel, Needs]]") -> None:
    names = list(rows[0][1].methods)
    cells, faint = [], set[tuple[int, int]]()
    for line, (model, needs) in enumerate(rows):
        uses = [needs.answer, *needs.methods.values()]
        cells.append((model.name, _size(needs.parameters), model.licence.name, *map(_use, uses)))
        faint |= {(line, 3 + column) for column, use in enumerate(uses) if not use.fits}
        if not any(use.fits for use in uses):
            faint |= {(line, column) for column in range(3)}
    screen.table(("model", "size", "licence", "answer", *names), cells, numbers=range(3, 4 + len(names)), faint=faint)


def _use(need: "Need") -> str:
    """Memory, and time where there is one; in brackets when it does not fit, for screens without grey."""
    memory = f"{need.memory / 2**30:.1f} GiB"
    text = memory if need.minutes is None else f"{memory} {_time(need.minutes)}"
    return text if need.fits else f"({memory})"


def _size(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e8 else f"{parameters / 1e6:.1f} M"


def _time(minutes: float) -> str:
    if minutes < 90:
        return f"{max(minutes, 1):.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"
