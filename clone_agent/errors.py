"""Errors that a user can do something about.

    CloneError                 exit code 1
    ├── ExportError            1   a chat export that cannot be read
    │   └── AmbiguousError     1   … because more than one program may have written it
    ├── DatasetError           1   examples that cannot be built or encoded
    ├── UsageError             2   a question or an option that cannot be right
    ├── ModelError             4   a model that is missing, truncated or does not fit
    ├── StoreError             5   a damaged archive or index (run `clone-agent rebuild`)
    ├── NoHomeError            10  no data home, or nothing in it yet
    └── LockedError            11  another process owns the data home

Every error says what is wrong and, in `remedy`, what to do. Nobody's words, names or keys go into either.
"""


class CloneError(Exception):
    """An expected error: printed without a traceback, with its remedy."""

    exit_code = 1

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


class ExportError(CloneError):
    """A chat export that cannot be read."""


class AmbiguousError(ExportError):
    """A chat export that more than one program may have written."""

    def __init__(self, problem: str, *, remedy: str, choices: tuple[str, ...]) -> None:
        super().__init__(problem, remedy=remedy)
        self.choices = choices  # names of formats


class DatasetError(CloneError):
    """Examples that cannot be built or encoded."""


class UsageError(CloneError):
    """A question or an option that cannot be right."""

    exit_code = 2


class ModelError(CloneError):
    """A model that is missing, truncated or does not fit its adapter."""

    exit_code = 4


class StoreError(CloneError):
    """A damaged archive or index."""

    exit_code = 5


class NoHomeError(CloneError):
    """No data home, or nothing in it yet."""

    exit_code = 10


class LockedError(CloneError):
    """Another process owns the data home."""

    exit_code = 11
