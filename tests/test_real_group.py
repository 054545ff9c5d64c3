"""A real group's export goes from the file to answers without a step by hand, as a new user would do it.

The export is the one of `../shared` where it lies beside the checkout (its people and words replaced, its structure kept), else a group of
the same structure is made: bare CR and LF inside bodies, mail addresses for numbers, ranks, renames, empty bodies, notices of the program.
"""

import json
import random
from pathlib import Path

import pytest
import tiny_glm
from click.testing import CliRunner

from clone_agent.archive import Archive
from ui.cli import main

REAL = Path(__file__).parents[2] / "shared" / "exports" / "qq_pc_txt" / "01_group_real_pseudonymised.txt"
_WORDS = "今天去哪吃饭好不我们明见了是的哈山水路书看走"


def write_group(path: Path, messages: int) -> Path:
    """A group as QQ's message manager wrote it in 2016."""
    draw, rule = random.Random(2016), "=" * 64
    senders = ["【群主】小明(71200350)", "老郑(60014477)", "hiker<hike@example.com>", "阿(宝)(20002000)", "晚风(30003000)"]
    lines = ["消息记录（此消息记录为文本格式，不支持重新导入）", "", rule, "消息分组:我的QQ群", rule, "消息对象:研究生群", rule, ""]
    second = 0
    for number in range(messages):
        second += draw.choice((0, 3, 20, 90, 4000))
        day, clock = divmod(second, 86_400)
        if number == messages // 2:
            senders[1] = "郑老师(60014477)"
        sender = "系统消息(10000)" if number % 97 == 5 else draw.choice(senders)
        said = "".join(draw.choices(_WORDS, k=draw.randint(1, 14)))
        body = draw.choice((said, said, said, f"{said}\r{said}", f"{said}\n\n{said}", f"[图片]{said}", "[表情]", "", f"@老郑 {said}"))
        body = "小明撤回了一条消息" if sender.startswith("系统消息") else body
        lines += [f"2016-{7 + day // 28:02d}-{1 + day % 28:02d} {clock // 3600}:{clock // 60 % 60:02d}:{clock % 60:02d} {sender}", body, ""]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    return path


def told(home: Path, *arguments: str | Path) -> dict[str, object]:
    result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home), "--json"])
    assert result.exit_code == 0, result.stderr
    fields = json.loads(result.stdout)
    assert isinstance(fields, dict)
    return fields


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return REAL if REAL.is_file() else write_group(tmp_path_factory.mktemp("group") / "group.txt", 700)


def test_a_real_group_goes_from_its_export_to_answers(export: Path, tmp_path: Path) -> None:
    home, base = tmp_path / "home", tiny_glm.save(tmp_path / "tiny")
    refused = CliRunner().invoke(main, ["import", str(export), "--timezone", "Asia/Shanghai", "--home", str(home)])
    assert refused.exit_code == 2, "a group's text does not tell whose it is"
    with Archive.open(home) as archive:
        owner = archive.people()[0]
        assert owner.id in refused.stderr, "the candidates are listed"
    imported = told(home, "import", export, "--me", owner.id.removeprefix("qq:"), "--timezone", "Asia/Shanghai")
    assert (imported["chats"], imported["added"], imported["owner"]) == (1, 0, [owner.id])
    if export == REAL:
        assert imported["messages"] == 3089
    examples = told(home, "dataset")["examples"]
    assert examples["train"] > examples["eval"] > 0  # type: ignore[index]  # a nested object
    tuned = told(home, "tune", "--base", base, "--method", "ptuning", "--max-steps", "2", "--max-length", "96", "--batch-size", "4")
    assert tuned["finished"]
    assert told(home, "index")["passages"] > 200  # type: ignore[operator]  # a number
    (home / "clone-agent.toml").write_text("[memory]\ntop_k = 1\n", encoding="utf-8")  # the tiny model reads 256 tokens
    with Archive.open(home) as archive:
        said = next(message for message in archive.messages(archive.conversations()[0].conversation.id) if 8 < len(message.text) < 20)
    hits = told(home, "recall", said.text)["hits"]
    assert any(said.id in hit["message_ids"] for hit in hits)  # type: ignore[attr-defined]  # a list of objects
    answer = told(home, "ask", said.text)
    assert answer["sources"]
    assert answer["answer"]
    assert answer["adapter"] == "ptuning"
    assert told(home, "status")["next"] == "clone-agent chat"


def test_the_made_group_has_the_structure_of_the_real_one(tmp_path: Path) -> None:
    path = write_group(tmp_path / "group.txt", 400)
    found = told(tmp_path / "home", "inspect", path)
    (chat,) = found["chats"]  # type: ignore[misc]  # a list of one
    assert (found["format"], chat["kind"], chat["messages"]) == ("qq_pc_txt", "group", 400)
    assert {sender["id"] for sender in chat["senders"]} == {"71200350", "60014477", "hike@example.com", "20002000", "30003000", "10000"}
    assert {sender["name"] for sender in chat["senders"]} >= {"小明", "郑老师", "阿(宝)"}
