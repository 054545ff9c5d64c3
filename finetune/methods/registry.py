"""The table of tuning methods. A new one is a file with a `METHOD` and a row here; nothing else in the program names a method."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from transformers import PreTrainedModel

from clone_agent.errors import UsageError
from finetune.methods import full, lora, ptuning, qlora, unipelt
from finetune.methods.adapter import Adapter, Method

METHODS: dict[str, Method] = {method.name: method for method in (lora.METHOD, qlora.METHOD, ptuning.METHOD, unipelt.METHOD, full.METHOD)}


def find_method(name: str) -> Method:
    """The method called `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        raise UsageError("There is no such tuning method.", remedy=f"Choose one of {', '.join(METHODS)}.")
    return METHODS[name]


def make_settings(name: str, values: Mapping[str, Any]) -> Any:
    """The settings object of a method, with defaults for what `values` leaves out.

    Raises:
        UsageError: `values` names a setting that the method does not have, or gives it a value of another kind.
    """
    method = find_method(name)
    defaults = asdict(method.settings())
    for key, value in values.items():
        if key not in defaults:
            known = ", ".join(field.name for field in fields(method.settings)) or "none"
            raise UsageError(f"{name} has no such setting.", remedy=f"Its settings: {known}.")
        if type(value) is not type(defaults[key]) and not (isinstance(defaults[key], float) and isinstance(value, int)):
            raise UsageError(f"{name}'s setting {key} is of another kind.", remedy=f"Its default is {defaults[key]!r}.")
        if not _is_possible(value, default=defaults[key]):
            raise UsageError(f"{name}'s setting {key} cannot be {value}.", remedy=f"Its default is {defaults[key]!r}.")
    return method.settings(**values)


def _is_possible(value: Any, *, default: Any) -> bool:
    """Counts are more than 0, and what has a broken number for its default is a share below 1."""
    if isinstance(default, float):
        return bool(0 <= value < 1)
    return isinstance(value, bool) or not isinstance(value, int) or value > 0


def attach(model: PreTrainedModel, name: str, values: Mapping[str, Any]) -> Adapter:
    """Add a method's trainable parameters to a model and freeze the rest."""
    return find_method(name).attach(model, make_settings(name, values))
