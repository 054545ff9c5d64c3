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
@click.option(
    "--reranker",
    metavar="NAME_OR_PATH",
    default="none",
    help="Cross-encoder that looks again at the best; 'shipped': the small one that ships.",
)
@common
def memory(call: Call, folder: Path, unit: str, budget: int, embedding: str | None, reranker: str) -> None:
    """Measure recall on a folder with turns.jsonl and questions.jsonl, beside BM25, vectors and LangChain's retrievers."""
    from memory.evaluate import METHODS, evaluate_memory
    from ui.environment import stay_offline

    stay_offline(embedding, reranker)
    methods = dict(METHODS)
    try:
        from memory.baselines import METHODS as LANGCHAIN
    except ImportError:
        call.screen.warn(f"LangChain's retrievers are left out: {_BASELINES}")
    else:
        methods |= LANGCHAIN
    report = evaluate_memory(folder, embedding=embedding, unit=unit, budget=budget, methods=methods, reranker=reranker)
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


@evaluate.command(epilog="Example: clone-agent evaluate threads irc_threads/dev")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@common
def threads(call: Call, folder: Path) -> None:
    """Measure who answers whom on labelled group chats (NAME.ascii.txt with NAME.annotation.txt), or on each folder of them."""
    from clone_agent.threads.evaluate import evaluate_threads, folders_of

    reports = []
    for part in folders_of(folder):
        with call.screen.progress(f"Linking {part.name}", unit="chats") as advance:
            reports.append(evaluate_threads(part, on_chat=advance))
    fields = [
        {
            "folder": report.folder,
            "chats": report.chats,
            "messages": report.messages,
            "links": report.scorer.gold,
            "scorer": {"f1": report.scorer.f1, "precision": report.scorer.precision, "recall": report.scorer.recall},
            "previous": {"f1": report.previous.f1, "precision": report.previous.precision, "recall": report.previous.recall},
            "seconds": round(report.seconds, 2),
        }
        for report in reports
    ]
    call.screen.result({"folders": fields})
    rows = [
        (report.folder, f"{report.messages:,}", name, *(f"{100 * value:.1f}" for value in (figures.f1, figures.precision, figures.recall)))
        for report in reports
        for name, figures in (("scorer", report.scorer), ("message before", report.previous))
    ]
    call.screen.table(("folder", "messages", "links by", "F1", "precision", "recall"), rows, numbers=(1, 3, 4, 5))


@evaluate.command(epilog="Example: clone-agent evaluate masking benchmarks/masking/messages.jsonl")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common
def masking(call: Call, file: Path) -> None:
    """Measure how well personal data is masked on labelled messages: recall by kind, precision, speed, the slowest line."""
    from clone_agent.masking_score import messages_per_second, read_labelled, score, worst_line_seconds

    messages = read_labelled(file)
    halves = sorted({message.half for message in messages})
    scores = {half or "all": score([message for message in messages if message.half == half]) for half in halves}
    if len(halves) > 1:
        scores["all"] = score(messages)
    speed, worst = messages_per_second(messages), worst_line_seconds()
    fields = {
        name: {
            "messages": one.messages,
            "recall": {kind: one.recall(kind) for kind in one.labelled},
            "labelled": one.labelled,
            "precision": one.precision,
            "masked": one.masked,
            "same_kind": one.same_kind,
        }
        for name, one in scores.items()
    }
    call.screen.result({"file": file.name, "sets": fields, "messages_per_second": round(speed), "worst_line_s": round(worst, 3)})
    kinds = sorted({kind for one in scores.values() for kind in one.labelled})
    rows = [
        (kind, *(f"{one.recall(kind):.3f} of {one.labelled[kind]}" if kind in one.labelled else "" for one in scores.values()))
        for kind in kinds
    ]
    rows.append(("precision", *(f"{one.precision:.3f} of {one.masked}" for one in scores.values())))
    call.screen.table(("recall", *scores), rows, numbers=range(1, len(scores) + 1))
    call.screen.say(f"{speed:,.0f} messages a second; the slowest line of 200,000 characters takes {worst:.2f} s")
