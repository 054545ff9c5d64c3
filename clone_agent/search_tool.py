"""The tool by which a model that can call tools searches the memory again: by person and dates, never beyond what it was allowed.

Its artifact holds what was found by the numbers that the model sees, so that it can cite any of it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Lock

from langchain_core.tools import BaseTool, tool

from clone_agent.prompt import memory_line
from clone_agent.records import Hit, Persona, Recalled, Scope

Search = Callable[[str, Scope], Recalled]


def search_tool(search: Search, *, scope: Scope, persona: Persona, now: datetime, shown: Callable[[], int] = int) -> BaseTool:
    """Make the tool for one question.

    Args:
        search: finds memories for a query within limits.
        scope: what the question may see; the model's limits only narrow it.
        persona: whose memory it is; says in which language the lines are written.
        now: the moment the question is asked; dates are in its zone.
        shown: how many recalled lines the prompt holds; what is found is numbered on after them, and after what was found before.
    """
    found = 0
    counting = Lock()  # a model may call the tool twice at once

    def numbered(hits: tuple[Hit, ...]) -> tuple[str, dict[int, Hit]]:
        nonlocal found
        with counting:
            first = shown() + found + 1
            found += len(hits)
        lines = dict(enumerate(hits, start=first))
        return "\n".join(memory_line(number, hit, persona) for number, hit in lines.items()) or "-", lines

    @tool(response_format="content_and_artifact")
    def search_memory(query: str, person: str = "", after: str = "", before: str = "") -> tuple[str, dict[int, Hit]]:
        """Search the owner's past chats once more, with other words or limits.

        Args:
            query: what to look for, in the words that were probably used.
            person: only what this person said or what was said with them; empty: everybody.
            after: only from this day on, YYYY-MM-DD; empty: no limit.
            before: only before this day, YYYY-MM-DD; empty: no limit.
        """
        limits = _narrowed(scope, after=_day(after, now), before=_day(before, now))
        if person and not scope.people:
            hits = search(query, replace(limits, people=(person,))).hits
            if hits:
                return numbered(hits)
        # Nobody of that name, or the question is limited to somebody already: the name is one more word to look for.
        hits = search(f"{person} {query}".strip(), limits).hits
        return numbered(hits)

    return search_memory


def _narrowed(scope: Scope, *, after: datetime | None, before: datetime | None) -> Scope:
    starts = [moment for moment in (scope.after, after) if moment is not None]
    ends = [moment for moment in (scope.before, before) if moment is not None]
    return replace(scope, after=max(starts, default=None), before=min(ends, default=None))


def _day(text: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
