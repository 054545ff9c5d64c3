"""`evaluate`: figures on labelled data, without a data home."""

from pathlib import Path

import click

from ui.options import Call, common

_BASELINES = "pip install 'clone-agent[baselines]'"


@click.group(epilog="Example: clone-agent evaluate memory benchmarks/locomo")
def evaluate() -> None:
    """Measure a part of the clone on labelled data; needs no data home."""


@evaluate.command(epilog="Example: clone-agent evaluate memory benchmarks/locomo --unit session")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--unit", type=click.Choice(["turn", "session"]), default="turn", help="What is ranked.")
@click.option("--budget", default=4_000, type=click.IntRange(1), help="Characters of packed context for evidence@BUDGET.")
@click.option("--embedding", metavar="NAME_OR_PATH", help="Model that turns text into vectors.  [default: the one that ships]")
@common
def memory(call: Call, folder: Path, unit: str, budget: int, embedding: str | None) -> None:
    """Measure recall on a folder with turns.jsonl and questions.jsonl, beside BM25, vectors and LangChain's retrievers."""
    from memory.evaluate import METHODS, evaluate_memory
    from ui.environment import stay_offline

    stay_offline(embedding)
    methods = dict(METHODS)
    try:
        from memory.baselines import METHODS as LANGCHAIN
    except ImportError:
        call.screen.warn(f"LangChain's retrievers are left out: {_BASELINES}")
    else:
        methods |= LANGCHAIN
    report = evaluate_memory(folder, embedding=embedding, unit=unit, budget=budget, methods=methods)
    call.screen.result(report.to_json())
    if call.screen.as_json:
        return
    call.screen.say(
        f"{report.folder}: {report.questions:,} questions about {report.turns:,} turns, {report.dropped:,} without an answer dropped. "
        f"Indexed in {report.index_s:,.1f} s; a question takes {report.p50_ms:.0f} ms, at most {report.p95_ms:.0f} ms for 95 of 100."
    )
    columns = list(report.methods["fused"].values)
    rows = [(name, *(f"{figures.values[column]:.3f}" for column in columns)) for name, figures in report.methods.items()]
    call.screen.table(("method", *columns), rows, numbers=tuple(range(1, len(columns) + 1)))
    if report.abstention:
        call.screen.say(
            f"Rejected of the questions put to another memory, 95 % of the others kept: {report.abstention.get('rejected', 0):.2f}"
        )
