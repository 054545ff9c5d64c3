"""The event loop that Gradio looks for where it makes a page.

Where no loop runs, each of Gradio's locks starts one of its own (`gradio.utils.safe_get_lock`), ten for a page: it closes none, and leaves
the last one to the thread. They hold three open files each until they are collected as garbage, at any time and with a warning.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_an_event_loop(work: Callable[P, T]) -> Callable[P, T]:
    """Have a function run while an event loop does: the thread's, or one that is closed after it."""

    @wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        async def done() -> T:
            return work(*args, **kwargs)

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # Not `asyncio.run`: it would keep the first Ctrl-C for the end of the work.
            with closing(asyncio.new_event_loop()) as loop:
                return loop.run_until_complete(done())
        return work(*args, **kwargs)

    return wrapped
