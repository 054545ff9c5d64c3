"""Whose hand wrote this: bundles of ten messages given to the owner or to somebody else by a classifier of character n-grams.

Trained on real messages alone. On the owner's real messages of later weeks it says how well a hand can be told at all, which is the ceiling
for a clone; on the untuned model it gives the floor. Character bigrams with a linear support vector machine are the usual baseline of
authorship attribution (PAN shared tasks); of the classifiers tried on the sample life's earlier months it told the owner's hand best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from clone_agent.errors import DatasetError

BUNDLE = 10  # messages judged together: one is too short to tell a hand
FEWEST = 50  # messages that somebody must have written to be known by their hand
OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What some messages were taken for."""

    bundles: int
    owner: int  # of them taken for the owner's

    @property
    def share(self) -> float | None:
        """The share taken for the owner's; None: there are fewer messages than a bundle."""
        return self.owner / self.bundles if self.bundles else None


class Attributor:
    """Knows the owner's hand and everybody else's."""

    def __init__(self, writings: Mapping[str, Sequence[str]], *, seed: int = 0) -> None:
        """Learn from messages by writer; the owner's stand under `OWNER`.

        Those who wrote fewer than `FEWEST` messages are not learned.

        Raises:
            DatasetError: the owner or everybody else wrote too little.
        """
        self.writers = sorted(writer for writer, messages in writings.items() if len(messages) >= FEWEST)
        if OWNER not in self.writers or len(self.writers) < 2:
            raise DatasetError(
                f"A hand is learned from {FEWEST} messages, by the owner and by at least one other person.", remedy="Import more chats."
            )
        texts: list[str] = []
        labels: list[str] = []
        for writer in self.writers:
            # Shuffled, so that a bundle shows a hand and not the subject of one evening.
            shuffled = Random(seed).sample(writings[writer], len(writings[writer]))
            own = bundles(shuffled)
            texts += own
            labels += [writer] * len(own)
        features = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, min_df=2, lowercase=False)
        self._classifier: Pipeline = make_pipeline(features, LinearSVC(class_weight="balanced", random_state=seed))
        self._classifier.fit(texts, labels)

    def attribute(self, messages: Sequence[str]) -> Attribution:
        """Judge messages in bundles of neighbours; an incomplete last bundle is left out."""
        whole = bundles(messages)
        taken = list(self._classifier.predict(whole)) if whole else []
        return Attribution(bundles=len(whole), owner=sum(writer == OWNER for writer in taken))


def bundles(messages: Sequence[str]) -> list[str]:
    """Every ten messages as one text, one message a line."""
    return ["\n".join(messages[start : start + BUNDLE]) for start in range(0, len(messages) - BUNDLE + 1, BUNDLE)]
