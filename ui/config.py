"""`clone-agent.toml` in the data home -> frozen settings. The only place that reads configuration.

    [import]
    timezone = "Asia/Shanghai"        # for exports that name none; default: this machine's

    [model]
    base = "/models/glm-edge-1.5b"    # folder or hub name; default: the small GLM that ships
    adapter = "lora"                  # which tuned adapter speaks, or "none"; default: the newest
    server = "http://127.0.0.1:8000/v1"   # an OpenAI-compatible server that answers instead
    name = "glm-4-9b"                 # the model to ask that server for

    [memory]
    embedding = "BAAI/bge-small-zh-v1.5"  # default: the small model that ships
    chroma = "http://127.0.0.1:8000"  # a Chroma server that holds the vectors; default: a directory of the data home
    live = true                       # keep what is said in chats with the clone
    reranker = "BAAI/bge-reranker-v2-m3"  # a cross-encoder for a second look, or "none"; default: the small one that ships
    top_k = 8                         # lines recalled for one answer; a small model reads the best few

    [chat]
    port = 7860

Every key may be missing, and so may the file. Command-line options win over it.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_dir
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clone_agent.errors import UsageError
from ui.environment import RERANKERS

FILE_NAME = "clone-agent.toml"
HOME_VARIABLE = "CLONE_AGENT_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user chose once, for every command. None: the default of whoever needs it."""

    home: Path
    timezone: ZoneInfo | None = None
    base: str | None = None
    adapter: str | None = None
    server: str | None = None
    server_model: str | None = None
    embedding: str | None = None
    chroma: str | None = None
    reranker: str = RERANKERS[0]
    top_k: int | None = None
    contact: str | None = None  # whom the clone talks to, for this call
    live: bool = True
    port: int = 7860


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Import(_Section):
    timezone: str | None = None


class _Model(_Section):
    base: str | None = None
    adapter: str | None = None
    server: str | None = None
    name: str | None = None


class _Memory(_Section):
    embedding: str | None = None
    chroma: str | None = None
    reranker: str | None = None
    live: bool = True
    top_k: int | None = Field(default=None, ge=1, le=100)


class _Chat(_Section):
    port: int = Field(default=7860, ge=1, le=65535)


class _File(_Section):
    import_: _Import = Field(default=_Import(), alias="import")
    model: _Model = _Model()
    memory: _Memory = _Memory()
    chat: _Chat = _Chat()


def home_folder(option: Path | None) -> Path:
    """The data home: the option, else `CLONE_AGENT_HOME`, else the platform's user data folder.

    Raises:
        UsageError: it begins with the ~ of somebody who is not there.
    """
    if named := option or os.environ.get(HOME_VARIABLE):
        try:
            return Path(named).expanduser().absolute()
        except RuntimeError as cause:
            raise UsageError("There is no user of the name behind the ~.", remedy="Write the path of the data home in full.") from cause
    return Path(user_data_dir("clone-agent", appauthor=False))


def load_settings(home: Path) -> Settings:
    """Read the settings of a data home; all defaults when it has no file.

    Raises:
        UsageError: the file is not TOML, or a key or a value in it is unknown. The message names the key, never the value.
    """
    path = home / FILE_NAME
    file = _parse(path) if path.is_file() else _File()
    return Settings(
        home=home,
        timezone=None if file.import_.timezone is None else parse_zone(file.import_.timezone),
        base=file.model.base,
        adapter=file.model.adapter,
        server=file.model.server,
        server_model=file.model.name,
        embedding=file.memory.embedding,
        chroma=file.memory.chroma,
        reranker=file.memory.reranker or RERANKERS[0],
        live=file.memory.live,
        top_k=file.memory.top_k,
        port=file.chat.port,
    )


def parse_zone(name: str) -> ZoneInfo:
    """A time zone by its name in the zone database.

    Raises:
        UsageError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
        raise UsageError("That time zone is not known.", remedy="Name it like Asia/Shanghai or Europe/Berlin.") from cause


def _parse(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise UsageError(f"{path} is not a TOML file.", remedy="Correct it, or move it away to work with the defaults.") from cause
    except ValidationError as cause:
        where = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in cause.errors(include_input=False))
        raise UsageError(f"{path}: {where}.", remedy="Correct the key; ui/README.md lists those there are.") from cause
