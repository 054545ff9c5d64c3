"""Standing facts rest on messages, stand in the prompt, may be edited, and go with the messages they rest on."""

from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel
from test_recall import HIKERS, NING, OWNER, YU, messages

from clone_agent.archive import Archive
from clone_agent.errors import CloneError
from clone_agent.extracting import extract, lasting
from clone_agent.forgetting import Wish
from clone_agent.home import DataHome
from clone_agent.profile import ProfileLine, facts, profile_file, read_profile, write_profile
from clone_agent.records import Message
from ui.erasing import carry_out, plan_forgetting
from ui.wiring import told_persona

JOB = f"{HIKERS.id}/2024-03-05 22:00/0"


def said_by(sender: str) -> list[Message]:
    return [one for one in messages() if isinstance(one, Message) and one.sender == sender]


def answered(*lines: str, sender: str = NING) -> list[ProfileLine]:
    model = FakeListChatModel(responses=["\n".join(lines)])
    return extract(model, lasting(said_by(sender)), about=f"qq:{sender}", name="陈一宁", language="zh")


def test_only_lines_that_may_hold_something_lasting_are_shown_newest_first() -> None:
    assert [message.text for message in lasting(said_by(NING))] == ["我找到新工作了 在字节做测试"]
    assert len(lasting(said_by(NING) * 500)) <= 90


def test_a_fact_counts_when_the_line_it_cites_says_so() -> None:
    assert answered("1. 在字节做测试 [1]", "喜欢爬雪山[1]", "在字节上班", "是一名医生[7]", "无") == [
        ProfileLine(about=f"qq:{NING}", says="在字节做测试", messages=(JOB,))
    ]
    assert answered("无") == []


def test_a_profile_comes_back_as_it_was_written_and_may_be_edited(tmp_path: Path) -> None:
    lines = [ProfileLine(about="qq:1", says='叫我"小\\明" 别的不行', messages=("a", "b")), ProfileLine(about="qq:2", says="不吃香菜")]
    write_profile(tmp_path, lines)
    assert read_profile(tmp_path) == lines
    assert profile_file(tmp_path).stat().st_mode & 0o077 == 0
    with profile_file(tmp_path).open("a", encoding="utf-8") as file:
        file.write('\n[[line]]\nabout = "qq:3"\nsays = "手写的"\n')
    assert read_profile(tmp_path)[-1] == ProfileLine(about="qq:3", says="手写的")
    profile_file(tmp_path).write_text("[[line]]\nabout = 3\n", encoding="utf-8")
    with pytest.raises(CloneError, match="--edit"):
        read_profile(tmp_path)
    write_profile(tmp_path, [])
    assert not profile_file(tmp_path).exists()


def test_a_profile_saved_by_notepad_is_read_as_any_other(tmp_path: Path) -> None:
    profile_file(tmp_path).write_text('\ufeff[[line]]\nabout = "qq:1"\nsays = "在杭州"\n', encoding="utf-8")
    assert [line.says for line in read_profile(tmp_path)] == ["在杭州"]


def test_facts_stand_in_the_prompt_the_owners_first_and_within_bounds(tmp_path: Path) -> None:
    lines = [
        ProfileLine(about="qq:2", says="在杭州\n做设计"),
        ProfileLine(about="qq:1", says="不吃香菜"),
        ProfileLine(about="gone", says="谁"),
    ]
    assert facts(lines, owner={"qq:1"}, name_of={"qq:2": "小明"}.get, language="zh") == ("你自己：不吃香菜", "小明：在杭州 做设计")
    many = [ProfileLine(about="qq:2", says="长" * 500)] * 50
    assert sum(map(len, facts(many, owner=set(), name_of={"qq:2": "小明"}.get, language="zh"))) <= 800
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages())
        archive.set_owner([f"qq:{OWNER}"])
        write_profile(tmp_path, [ProfileLine(about=f"qq:{NING}", says="在字节做测试", messages=(JOB,))])
        assert told_persona(archive, tmp_path).facts == ("陈一宁：在字节做测试",)
        assert archive.persona().facts == (), "what is trained on knows nothing of it"


def test_lines_go_with_the_messages_they_rest_on(tmp_path: Path) -> None:
    home = DataHome(tmp_path)
    kept = ProfileLine(about=f"qq:{YU}", says="五一去了西湖", messages=("qq:yu/2023-05-02 20:10/0",))
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages())
        made = [ProfileLine(about=f"qq:{NING}", says="在字节做测试", messages=(JOB,)), ProfileLine(about=f"qq:{NING}", says="爱带伞")]
        write_profile(tmp_path, [*made, kept])
        plan = plan_forgetting(home, archive, Wish(messages=(JOB,)))
        assert plan.profile == made[:1]
        carry_out(home, archive, plan)
        assert read_profile(tmp_path) == [made[1], kept]
        carry_out(home, archive, plan_forgetting(home, archive, Wish(people=(f"qq:{NING}",))))
        assert read_profile(tmp_path) == [kept]
