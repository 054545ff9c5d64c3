"""`dataset --judge`: the server that judges examples, and the consent before private text goes there."""

from collections.abc import Callable

from clone_agent.errors import UsageError
from ui.options import Call, agree


def open_judge(call: Call, url: str, model: str | None, *, agreed: bool) -> Callable[[str, str], str]:
    """A function that puts a task and a text to the judge.

    Raises:
        UsageError: the model has no name, the address is no URL, or the server stands elsewhere and nobody agreed.
    """
    from langchain_core.messages import HumanMessage, SystemMessage

    from finetune.judge import unreachable
    from ui.wiring import check_address, is_loopback, server_model

    if not model:
        raise UsageError("The judge's model has no name.", remedy="Add --judge-model NAME, one of those the server offers.")
    check_address(url)
    if not is_loopback(url):
        call.screen.warn("Every answer of yours and what was said before it, other people's words among them, go to the server you named.")
        agree("Send them there?", yes=agreed, remedy="Add --yes, or use a server on this machine.")
    chat = server_model(url, model)

    def ask(task: str, text: str) -> str:
        try:
            return str(chat.invoke([SystemMessage(task), HumanMessage(text)]).text)
        except Exception as cause:
            raise unreachable(cause) from cause

    return ask
