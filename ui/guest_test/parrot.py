"""The worst model there can be: it says everything that it is given, its prompt and the talk, whoever asks.

Whatever order a guest sneaks past a model, the model cannot tell more than this one does.
"""

from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class Parrot(BaseChatModel):
    """Answers with its whole prompt."""

    @property
    def _llm_type(self) -> str:
        return "clone-agent-parrot"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        told = "\n".join(str(message.text) for message in messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(told))])
