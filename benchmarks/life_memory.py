"""The sample life in a data home of its own, which the benchmarks of recall, its weights, its confidence and the answers ask."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.importers import find_exports, read_export
from clone_agent.records import Skipped
from clone_agent.sample_life.questions import HERE, LifeQuestion, load_questions
from memory.recall import MemoryIndex

MORE = Path(__file__).parent / "life_questions"  # for development only, about lines that no other question asks about; gold is not marked
_KNOWN_AS = {"周屿": "屿", "林浩": "浩哥"}  # who is called otherwise in the chats


def development_questions() -> list[LifeQuestion]:
    """The questions that choices may be made on: the development half, and those written for that alone."""
    return [question for question in load_questions() if question.split == "dev"] + load_questions(MORE)


def asker_of(question: LifeQuestion) -> str:
    """What the chats call who asks a question."""
    return _KNOWN_AS.get(question.asked_by, question.asked_by)


@contextmanager
def life_memory(embedding: str | None = None, *, reranker: str = "shipped") -> Iterator[tuple[Archive, MemoryIndex]]:
    """Import the exports of the sample life; the memory is still to be indexed. Both go at the end."""
    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder), create=True) as archive:
        for path in find_exports(HERE / "exports"):
            if not isinstance(path, Skipped):
                archive.add(read_export(path, timezone=ZoneInfo("Asia/Shanghai")))
        with closing(MemoryIndex.open(Path(folder), archive, embedding=embedding, reranker=reranker)) as memory:
            yield archive, memory
