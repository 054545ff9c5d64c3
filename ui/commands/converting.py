"""`convert`: an original ChatGLM checkpoint as a native model folder, an old P-Tuning v2 checkpoint as an adapter."""

from pathlib import Path

import click

from ui.options import Call, common
from ui.show import typed


@click.command(epilog="Example: clone-agent convert THUDM/chatglm3-6b my-chatglm3")
@click.argument("checkpoint")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--base", metavar="NAME_OR_PATH", help="For a P-Tuning v2 checkpoint: the model that it was trained on.")
@click.option("--generation", help="chatglm, chatglm2, chatglm3 or glm-4.  [default: as the checkpoint says]")
@common
def convert(call: Call, checkpoint: str, out: Path, base: str | None, generation: str | None) -> None:
    """Write an original ChatGLM checkpoint to OUT as a native model: safetensors and a fast tokenizer.

    CHECKPOINT is a folder or a hub name. Originals load without this as well, only more slowly. A checkpoint of ChatGLM's P-Tuning v2
    script becomes an adapter of the model named with --base.
    """
    from finetune.chatglm.prefix import holds_prefix

    if base is not None or holds_prefix(Path(checkpoint)):
        _prefix(call, Path(checkpoint), out, base)
    else:
        _model(call, checkpoint, out, generation)


def _model(call: Call, checkpoint: str, out: Path, generation: str | None) -> None:
    from clone_agent.errors import UsageError
    from finetune.chatglm.checkpoint import Generation
    from finetune.chatglm.convert import convert as run

    if generation is not None and generation not in list(Generation):
        raise UsageError("There is no such generation.", remedy=f"Choose one of {', '.join(Generation)}.")
    with call.screen.progress("Converting", unit="models"):
        report = run(checkpoint, out, generation=Generation(generation) if generation else None)
    call.screen.result(
        {
            "folder": str(report.folder),
            "source": report.source,
            "generation": str(report.generation),
            "parameters": report.parameters,
            "bytes": report.bytes,
            "has_tokenizer": report.has_tokenizer,
        }
    )
    if call.screen.as_json:
        return
    call.screen.say(f"{report.source}, a {report.generation}: {report.parameters:,} numbers, {report.bytes / 2**20:,.0f} MiB")
    if not report.has_tokenizer:
        call.screen.warn("No tokenizer lay beside it, so this folder holds the weights alone.")
    call.screen.next(f"clone-agent tune --base {typed(report.folder)}")


def _prefix(call: Call, checkpoint: Path, out: Path, base: str | None) -> None:
    from clone_agent.errors import UsageError
    from finetune.chatglm.prefix import import_prefix

    if base is None:
        raise UsageError("This is a P-Tuning v2 checkpoint.", remedy="Name the model that it was trained on with --base.")
    info = import_prefix(checkpoint, out, base=base)
    call.screen.result(
        {
            "folder": str(info.folder),
            "adapter": info.name,
            "base": info.base,
            "method": info.method,
            "parameters": info.parameters,
            "bytes": info.bytes,
        }
    )
    if call.screen.as_json:
        return
    call.screen.say(f"{info.name}: {info.settings['num_virtual_tokens']} virtual tokens for {info.base}")
    if info.folder.absolute().parent != call.home.adapters.absolute():
        call.screen.note(f"Adapters that answer lie in {call.home.adapters}.")
    call.screen.next("clone-agent chat")
