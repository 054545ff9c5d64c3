"""What stands in a loaded model for a tokenizer and a chat format that its folder does not have."""

from typing import Any, NoReturn

from clone_agent.errors import ModelError


class Wordless:
    """Says what is missing, whatever is asked of it. The model beside it computes logits all the same."""

    def __init__(self, missing: ModelError) -> None:
        self._missing = missing

    def __getattr__(self, name: str) -> NoReturn:
        # Copying and `hasattr` look for such names, and must be told in their own way that they are not there.
        raise AttributeError(name) if name.startswith("__") else self._missing

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """A tokenizer is called."""
        raise self._missing
