"""The environment that keeps the program silent: no telemetry, no tracing, no look-ups that nobody asked for.

Libraries read these variables when they are imported, so this runs before any of them (ui/web/README.md has what was measured).
"""

import logging
import os
from pathlib import Path

RERANKERS = ("shipped", "none")  # names of rerankers that are neither hub names nor folders
_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "TOKENIZERS_PARALLELISM": "false",
}
_LOCAL = ("localhost", "127.0.0.1", "::1")


def silence() -> None:
    """Switch telemetry and tracing off and make every new file private to the user."""
    os.umask(0o077)
    os.environ.update(_SILENT)
    logging.getLogger("langchain_core.callbacks.manager").addFilter(_is_no_stop)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns that it cannot fetch code to run from a hub; nor should it


def _is_no_stop(record: logging.LogRecord) -> bool:
    """False for what LangChain says whenever an answer is stopped (`clone_agent.agent`)."""
    return "_StopOnRequest" not in record.getMessage()


def stay_offline(*names: str | None) -> None:
    """Forbid downloads unless one of the named models is a hub name rather than a folder here."""
    wanted = [name for name in names if name and name not in RERANKERS]
    if all(Path(name).expanduser().exists() for name in wanted):
        os.environ["HF_HUB_OFFLINE"] = "1"


def prepare_browser(temporary: Path) -> None:
    """Make `import gradio` and its launch safe: no proxy between us and ourselves, temporary files inside the data home."""
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(temporary)
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join([*known, *(host for host in _LOCAL if host not in known)])
    for name in ("ALL_PROXY", "all_proxy"):  # a SOCKS proxy breaks `import gradio`
        if os.environ.get(name, "").startswith("socks"):
            del os.environ[name]
