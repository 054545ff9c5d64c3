"""`dataset --explain`: why a message became an example, or why not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clone_agent.errors import UsageError
from ui.options import Call
from ui.show import count

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from finetune.examples import ExampleOptions, Verdict

_REASONS = {"opening": "nobody spoke before it in its session or thread, so it answers nothing"}


def show_verdict(call: Call, archive: "Archive", options: "ExampleOptions", wanted: str) -> None:
    """Say what became of one message, by building the examples of its chat.

    Raises:
        UsageError: there is no such message.
    """
    from finetune.examples import build_examples

    message = archive.find_message(wanted)
    if message is None:
        raise UsageError("There is no such message.", remedy="Name it by its id, as --json prints it, or by FILE:LINE of its export.")
    verdicts: list[Verdict] = []
    made = build_examples(archive.sessions(message.conversation), archive.persona(), options, on_verdict=verdicts.append)
    examples = {example.id: example for example in made}
    own = next((verdict for verdict in verdicts if message.id in verdict.message_ids), None)
    used = [verdict.example for verdict in verdicts if message.id in verdict.context_ids]
    example = examples.get(own.example) if own is not None and own.example else None
    call.screen.result(
        {
            "message": message.id,
            "source": message.source,
            "example": own.example if own else None,
            "reason": own.reason if own else "",
            "context_of": used,
            "prompt": [f"{turn.role}: {turn.text}" for turn in example.turns()] if example else [],
            "response": example.response if example else "",
        }
    )
    if call.screen.as_json:
        return
    call.screen.note(f"The message at {message.source}")
    call.screen.say(_sentence(own, used, has_words=bool(message.text.strip())))
    if example is not None:
        call.screen.table(("who", "words"), [(turn.role, turn.text) for turn in example.turns()] + [("you", example.response)])


def _sentence(own: "Verdict | None", used: "Sequence[str | None]", *, has_words: bool) -> str:
    if own is not None and own.example:
        return "It became an answer to learn from:"
    if own is not None:
        return f"It is yours and did not become an example: {_REASONS.get(own.reason, own.reason)}."
    if not has_words:
        return "It holds no words of its own, so it stands in no example."
    if used:
        return f"It is somebody else's, or yours before an answer, and stands in the history of {count(len(used), 'example')}."
    return "It stands in no example: no answer of yours follows it in its session or thread."
