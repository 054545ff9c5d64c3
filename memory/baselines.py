"""What recall is compared with: plain LangChain retrieval from Chroma, and LangChain's EnsembleRetriever, over the same turns.

Both embed each turn with the same model. The ensemble joins Chroma's list with BM25 by reciprocal rank, at LangChain's defaults; its BM25
is ours, since LangChain's cuts text at blanks and finds nothing in Chinese. Needs `langchain-chroma` and `langchain-classic`.
"""

from collections.abc import Callable
from functools import lru_cache

import chromadb
from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever

from memory.embed import Embedder
from memory.evaluate import Method
from memory.labelled import History
from memory.ranking import Named, Ranking

_DEPTH = 200  # turns asked for: enough to fill the context of `evidence@4000`
_COLLECTION = "turns-of-one-history"
_BATCH = 4_000  # langchain-chroma sends everything at once, Chroma takes 5,461


class _Embeddings(Embeddings):
    """An embedder as LangChain knows it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of turns."""
        found: list[list[float]] = self._embedder.encode(texts).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed_documents([text])[0]


class _Words(BaseRetriever):
    """Our BM25 as a LangChain retriever."""

    find: Callable[[str], list[Document]]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return self.find(query)


class _Retrieved:
    """A LangChain retriever that ranks passages; it knows no confidence, and neither people nor time."""

    def __init__(self, retriever: BaseRetriever) -> None:
        self._retriever = retriever

    def rank(self, question: str, *, named: Named) -> Ranking:
        """Rank passages for a question."""
        numbers = tuple(int(document.metadata["number"]) for document in self._retriever.invoke(question))
        return Ranking(numbers=numbers, scores=tuple(1 / place for place in range(1, len(numbers) + 1)))


def langchain_chroma(history: History, embedder: Embedder) -> _Retrieved:
    """Dense retrieval of turns as LangChain's documentation sets it up."""
    return _Retrieved(_dense(history, embedder))


def langchain_ensemble(history: History, embedder: Embedder) -> _Retrieved:
    """Chroma and BM25 by reciprocal rank, half each."""
    table = history.table

    def find(question: str) -> list[Document]:
        found = [number for number, _ in table.lexical.search("turn", table.lexical.query(question), top_k=_DEPTH)]
        return [_document(number, text) for number, text in zip(found, table.texts(found), strict=True)]

    return _Retrieved(EnsembleRetriever(retrievers=[_Words(find=find), _dense(history, embedder)], weights=[0.5, 0.5], id_key="number"))


METHODS: dict[str, Method] = {"langchain_chroma": langchain_chroma, "langchain_ensemble": langchain_ensemble}


def _dense(history: History, embedder: Embedder) -> BaseRetriever:
    store = _vector_store(history, embedder)  # type: ignore[arg-type]  # a protocol is not known to be hashable
    return store.as_retriever(search_kwargs={"k": min(_DEPTH, history.table.count("turn"))})


@lru_cache(maxsize=1)  # both methods search the same
def _vector_store(history: History, embedder: Embedder) -> Chroma:
    client = chromadb.EphemeralClient(settings=Settings(anonymized_telemetry=False))  # one for the whole process
    for collection in client.list_collections():
        if collection.name == _COLLECTION:
            client.delete_collection(_COLLECTION)
    store = Chroma(collection_name=_COLLECTION, embedding_function=_Embeddings(embedder), client=client)
    numbers = history.table.numbers("turn")
    for start in range(0, len(numbers), _BATCH):
        batch = numbers[start : start + _BATCH]
        store.add_documents([_document(number, text) for number, text in zip(batch, history.table.texts(batch), strict=True)])
    return store


def _document(number: int, text: str) -> Document:
    return Document(page_content=text, metadata={"number": number})
