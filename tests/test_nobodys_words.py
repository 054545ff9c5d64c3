"""What people wrote stays in the chats: no log, no message on stderr and no figure as JSON holds any of it."""

import json
import logging
from pathlib import Path

import pytest
import tiny_glm
from click.testing import CliRunner, Result

from clone_agent.archive import Archive
from ui.cli import main

COUSIN = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"
LONG = 8  # characters from which on a message is nobody else's words


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


def said(home: Path) -> list[str]:
    with Archive.open(home) as archive:
        texts = [message.text for info in archive.conversations() for message in archive.messages(info.conversation.id)]
    return [text for text in texts if len(text) >= LONG and "\n" not in text]


def test_no_log_nor_stderr_nor_figure_holds_what_was_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home, base = tmp_path / "home", tiny_glm.save(tmp_path / "tiny")
    caplog.set_level(logging.DEBUG)
    torn = tmp_path / "torn.txt"
    torn.write_bytes(COUSIN.read_bytes()[:20_001] + b"\xff\xfe\x00" + COUSIN.read_bytes()[20_001:30_000])
    told, figures = [], []
    for arguments in (
        ["import", COUSIN, "--timezone", "Asia/Shanghai"],
        ["import", torn, "--timezone", "Asia/Shanghai"],
        ["dataset"],
        ["tune", "--base", base, "--max-steps", "1", "--set", "r=2", "--max-length", "64"],
        ["index"],
        ["status"],
        ["verify"],
        ["rebuild"],
        ["forget", "--phrase", "婚礼", "--dry-run"],
        ["guest", "--log"],
        ["ask", "婚礼定在哪天", "--base", tmp_path / "nowhere"],
    ):
        result = run(home, *arguments, "--json")
        told.append(result.stderr)
        if arguments[0] not in ("tune", "ask"):  # these print replies, as they should
            figures.append(result.stdout)
            assert result.exit_code == 0, result.stderr
            json.loads(result.stdout)
    everything = "\n".join((*told, *figures, *(record.getMessage() for record in caplog.records), caplog.text))
    texts = said(home)
    assert len(texts) > 100
    assert [text for text in texts if text in everything] == []
