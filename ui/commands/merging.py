"""`merge`: an adapter and its base as one plain model folder."""

from pathlib import Path

import click

from clone_agent.errors import ModelError
from ui.options import Call, common
from ui.show import typed


@click.command(epilog="Example: clone-agent merge my-model --adapter lora")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--adapter", metavar="NAME", help="Adapter to merge.  [default: the newest]")
@click.option("--to", default="hf", help="hf: for vLLM and the like; gguf: ready for llama.cpp's converter.")
@click.option("--precision", help="float32, bfloat16 or float16.  [default: as the base's files]")
@common
def merge(call: Call, out: Path, adapter: str | None, to: str, precision: str | None) -> None:
    """Write an adapter and its base to OUT as one model that other programs load.

    Works for lora, qlora and full. The model can repeat what it was tuned on: keep it as private as the chats.
    """
    from ui.wiring import base_of, check_model, choose_adapter

    call.home.require()
    info = choose_adapter(call.home, adapter or call.settings.adapter)
    if info is None:
        raise ModelError("There is no adapter to merge.", remedy="Run `clone-agent tune` first, or name one with --adapter.")
    check_model(base_of(info), info)
    from finetune.merge import merge as run

    with call.screen.progress(f"Merging {info.name}", unit="models"):
        report = run(info.folder, out, to=to, precision=precision)
    call.screen.result(
        {
            "folder": str(report.folder),
            "adapter": report.adapter,
            "base": report.base,
            "method": report.method,
            "to": to,
            "precision": report.precision,
            "parameters": report.parameters,
            "bytes": report.bytes,
            "template_matches": report.template_matches,
            "served_here_only": report.served_here_only,
        }
    )
    if call.screen.as_json:
        return
    call.screen.say(
        f"{report.adapter} in {report.base}: {report.parameters:,} numbers in {report.precision}, {report.bytes / 2**20:,.0f} MiB"
    )
    if not report.template_matches:
        call.screen.note("The chat template renders talks a little differently from how the adapter was trained.")
    folder = typed(report.folder)
    if report.served_here_only:
        call.screen.note(f"No other program knows the class of {report.base}, which is clone-agent's own.")
        call.screen.next(f"clone-agent chat --base {folder} --adapter none")
        return
    server = f"vllm serve {folder} {report.vllm_options}".rstrip()
    call.screen.next(server if to == "hf" else f"python llama.cpp/convert_hf_to_gguf.py {folder}")
