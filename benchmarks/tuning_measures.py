"""What tuning changes in a model, measured alike before and after: held-out loss aside, its manner, its reading, its ordinary talk."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.home import DataHome
from clone_agent.importers import find_exports, read_export
from clone_agent.records import ChatTurn, Persona
from finetune.base_model.evaluate import Probe, draw_probes, score_reading
from finetune.dataset import read_dataset, write_dataset
from finetune.encode import encode
from finetune.examples import Example, build_examples
from finetune.generate import Sampling
from finetune.glm import LoadedModel
from finetune.loss import autocast_for, mean_loss
from finetune.model_files import Quoted
from finetune.prepare import language_of
from finetune.probe import probe
from finetune.rehearsal import general_corpus, rehearsal_examples
from finetune.replies import write_replies
from finetune.style import style, style_distance

LIFE = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports"
ORDINARY = 60  # general examples
PROBE_SEED = 987_654
_NAME = "林晚"
_GREEDY = Sampling(temperature=0, max_new_tokens=40)
_DRAWN = Sampling(seed=0, max_new_tokens=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a model does."""

    ordinary: float  # loss on general examples that no run is trained on
    on_topic: float  # share of everyday questions whose right reply is told from wrong ones
    right_line: float  # share of questions about at most four lines whose reply cites the line that answers
    right: float  # share of them whose reply holds the answer
    length: float  # characters of the middle reply to held-out prompts
    length_distance: float  # characters between its and the owner's lengths: the area between the two distributions
    bubble_distance: float  # likewise in bubbles
    marks_distance: float  # bits between its and the owner's punctuation


def measure(loaded: LoadedModel, dataset: Path, *, replies_each: int = 60) -> dict[str, Any]:
    """Measure a model, tuned or not; the fields of `Measured`.

    Args:
        loaded: the model.
        dataset: whose held-out prompts are answered.
        replies_each: how many of them, at even distances, and how many questions about a memory block.
    """
    _, held_out, _ = read_dataset(dataset)
    chosen = held_out[:: -(-len(held_out) // replies_each)]
    language = language_of(held_out)
    reading = _reading(loaded, language, replies_each)
    replies = _replies(loaded, {number: example.turns() for number, example in enumerate(chosen)}, _DRAWN)
    own = [example.response for example in chosen]
    distance = style_distance(replies, own)
    return asdict(
        Measured(
            ordinary=_ordinary(loaded, language),
            on_topic=probe(loaded, Persona(name=_NAME, language=language)).on_topic,
            right_line=reading["right_line"],
            right=reading["accuracy"],
            length=style(replies).median_length,
            length_distance=distance.length,
            bubble_distance=distance.bubbles,
            marks_distance=distance.punctuation,
        )
    )


def _ordinary(loaded: LoadedModel, language: str) -> float:
    drawn: list[Example] = list(islice(rehearsal_examples(language=language, seed=PROBE_SEED), ORDINARY))
    encoded = [encode(example, loaded.format, max_length=loaded.max_tokens) for example in drawn]
    return mean_loss(loaded.model, encoded, max_tokens=4096, autocast=autocast_for(loaded.model))


@cache
def _questions(language: str, size: int) -> list[Probe]:
    corpus = general_corpus()
    return draw_probes(
        replace(corpus, held_out_sentences=corpus.sentences), size=size, lines=4, english=float(language == "en"), seed=PROBE_SEED
    )


def _reading(loaded: LoadedModel, language: str, size: int) -> dict[str, float]:
    probes = _questions(language, size)
    talks = [[ChatTurn(role="system", text=probe.system), ChatTurn(role="user", text=probe.question.text)] for probe in probes]
    # The line is the model's own choice here, whatever it is let do in a chat, or nothing would be seen of what tuning did to its reading.
    return score_reading(probes, _replies(loaded, dict(enumerate(talks)), _GREEDY, quoted="one"))


def _replies(loaded: LoadedModel, prompts: dict[int, list[ChatTurn]], sampling: Sampling, *, quoted: Quoted | None = None) -> list[str]:
    written = {reply.index: reply.text for reply in write_replies(loaded, prompts, sampling, quoted=quoted)}
    return [written[number] for number in prompts]


def sample_dataset(home: Path) -> Path:
    """Import the sample life into a home and make its dataset."""
    with Archive.open(DataHome(home).create().root, create=True) as archive:
        for path in find_exports(LIFE):
            if isinstance(path, Path):
                archive.add(read_export(path, timezone=ZoneInfo("Asia/Shanghai")), source=path.name)
        owner = [person.id for person in archive.people() if person.is_owner or "林晚" in person.names or "晚风" in person.names]
        archive.set_owner(owner)
        sessions = (session for info in archive.conversations() for session in archive.sessions(info.conversation.id))
        write_dataset(build_examples(sessions, archive.persona()), home / "dataset")
    return home / "dataset"
