"""A finished run in its adapter's manifest: what is written of it there, and the report read back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clone_agent.errors import CloneError
from finetune.checkpoint import read_adapter
from finetune.dataset import read_manifest
from finetune.model_files import find_model, fingerprint
from finetune.tune_config import SampleReply, TuneConfig, TunePlan, TuneReport

_OF_DATASET = ("hash", "examples", "conversations", "first", "last")


def finished_facts(
    identity: Mapping[str, Any], report: TuneReport, dataset: Mapping[str, Any], ordinary_talk: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the manifest says of a run.

    Args:
        identity: of the settings (`TuneConfig.identity`).
        report: what was.
        dataset: the manifest of the dataset.
        ordinary_talk: everyday questions before and after (`probe.as_facts`); None: they were not asked.
    """
    return {
        "dataset": {key: dataset.get(key) for key in _OF_DATASET},
        "losses": {"before": report.loss_before, "after": report.loss_after},
        "training": {
            "config": identity,
            "plan": asdict(report.plan),
            "steps": report.steps,
            "best_step": report.best_step,
            "seconds": round(report.seconds, 1),
            "stopped_early": report.stopped_early,
        },
        "samples": [asdict(sample) for sample in report.samples],
        "ordinary_talk": ordinary_talk,
    }


def finished_before(config: TuneConfig, dataset_dir: Path, out: Path) -> TuneReport | None:
    """The report of a finished run with these settings, this dataset and this base; None: `out` holds no such thing."""
    try:
        info = read_adapter(out)
        training = info.manifest["training"]
        same = training["config"] == json.loads(json.dumps(config.identity())) and info.dataset == read_manifest(dataset_dir).get("hash")
        if not same or info.base_fingerprint != fingerprint(find_model(config.base)):
            return None
        plan = TunePlan(**training["plan"])
    except (CloneError, KeyError, TypeError):
        return None
    return TuneReport(
        folder=out,
        plan=plan,
        steps=training["steps"],
        best_step=training["best_step"],
        loss_before=info.loss_before,
        loss_after=info.loss_after,
        seconds=training["seconds"],
        samples=tuple(SampleReply(**sample) for sample in info.manifest["samples"]),
        finished=True,
        stopped_early=training["stopped_early"],
        lost_ordinary_talk=info.lost_ordinary_talk,
    )
