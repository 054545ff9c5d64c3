"""What is said in chats with the clone is kept, recalled and marked, obeys orders, and never teaches the owner's voice."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest
from test_recall import LIFE, NOW, ZONE, messages, said
from web_stage import GRADIO_WARNINGS, Actor

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.errors import CloneError
from clone_agent.home import DataHome
from clone_agent.live import CLONE, VISITOR, conversation_at, keep_talk
from clone_agent.orders import Forget, Remember, is_consent, read_order
from clone_agent.records import LIVE_PLATFORM, ChatTurn, Persona, Reply
from finetune.examples import build_examples
from memory.recall import MemoryIndex
from memory.refill import refill
from ui.commands.answering import hit_fields
from ui.commands.teaching import archive_revision
from ui.companion import Companion
from ui.config import Settings
from ui.web.bubbles import Surroundings
from ui.web.talk import Speaker, Talk
from ui.wiring import Clone, Voice

pytestmark = [*map(pytest.mark.filterwarnings, GRADIO_WARNINGS)]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("记住我对花生过敏", Remember("我对花生过敏")),
        ("请记住：周三要交房租", Remember("周三要交房租")),
        ("Remember that I am allergic to nuts", Remember("I am allergic to nuts")),
        ("please remember: rent is due on Wednesday", Remember("rent is due on Wednesday")),
        ("remember my sister lives in Kunming", Remember("my sister lives in Kunming")),
        ("忘掉周屿", Forget("周屿")),
        ("请忘掉关于黄山的一切", Forget("黄山")),
        ("忘掉和周屿的聊天记录", Forget("周屿")),
        ("把白云宾馆的事忘掉吧", Forget("白云宾馆")),
        ("forget everything about Huangshan", Forget("Huangshan")),
        ("forget 「白云宾馆」", Forget("白云宾馆")),
        ("还记得黄山吗", None),
        ("记住了吗", None),
        ("你记住我生日没有", None),
        ("remember when we went to Huangshan", None),
        ("Do you remember Huangshan?", None),
        ("忘了带伞", None),
        ("别忘记带伞", None),
        ("把门关上", None),
        ("忘掉吧", None),
        ("我忘记密码了怎么办", None),
        ("unforgettable", None),
        ("请忘记周屿", Forget("周屿")),
        ("忘记关于黄山的一切", Forget("黄山")),
        ("forget Huangshan", Forget("Huangshan")),
        ("忘记带钥匙了", None),
        ("忘记了", None),
        ("忘掉这些吧", None),
        ("把一切都忘掉", None),
        ("Forget it.", None),
        ("forget about that", None),
        ("记住了", None),
        ("记住啦！", None),
    ],
)
def test_orders_are_told_from_talk(text: str, order: object) -> None:
    assert read_order(text) == order


def test_only_a_plain_yes_is_consent() -> None:
    assert all(map(is_consent, ("确认", "确认忘掉", "好的。", "Yes", "confirm", "Yes, forget it")))
    assert not any(map(is_consent, ("不", "确认什么", "算了", "no", "")))


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages(LIFE))
        archive.set_owner(["qq:10001"])
        memory = MemoryIndex.open(tmp_path, archive)
        memory.index()
        agent = CloneAgent(Actor(pause_s=0), persona=Persona(name="林晚"), memory=memory)
        yield Clone(archive=archive, memory=memory, voice=Voice(model=Actor(), label="actor", adapter=None), agent=agent)
        memory.close()


def companion(clone: Clone, home: Path, *, is_live: bool = True) -> Companion:
    return Companion(DataHome(home), clone, Settings(home=home), is_live=is_live)


def recalled(clone: Clone, question: str) -> str:
    assert clone.memory is not None
    return said(clone.memory.search(question, now=NOW))


def test_what_the_visitor_tells_is_recalled_and_marked_and_their_questions_are_not(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path)
    keeper.keep("我养了一只三花猫叫豆包", ["好可爱"])
    keeper.keep("豆包是什么猫", ["豆包是一只橘猫呀"])
    keeper.keep("豆包那次去哪了", ["不记得了"])
    assert clone.memory is not None
    found = clone.memory.search("豆包是什么猫", now=NOW)
    live = [hit for hit in found.hits if "豆包" in hit.memory.text]
    assert [hit.memory.text for hit in live] == ["我养了一只三花猫叫豆包"]
    fields = hit_fields(live[0])
    assert (fields["is_live"], fields["is_owner"], fields["chat"]) == (True, False, "与分身的聊天")
    assert clone.memory.pending() == 0
    conversation = conversation_at(datetime.now().astimezone(), "zh").id
    assert [message.sender for message in clone.archive.messages(conversation)] == [VISITOR, CLONE] * 3
    assert clone.memory.index().added == 0
    assert clone.memory.verify() == ()


def test_nothing_is_kept_when_it_is_off(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path, is_live=False)
    keeper.keep("我养了一只三花猫叫豆包", [])
    obeyed = keeper.obey("记住我对花生过敏", waiting=None)
    assert obeyed is not None
    assert "没有开启" in obeyed.text
    assert [info for info in clone.archive.conversations() if info.conversation.platform == LIVE_PLATFORM] == []


def test_talks_with_the_clone_teach_nothing_even_when_the_accounts_are_joined(clone: Clone, tmp_path: Path) -> None:
    archive = clone.archive
    before = archive_revision(archive)
    at = datetime(2024, 5, 15, 20, 0, tzinfo=ZONE)
    conversation, _ = keep_talk(archive, "你好呀我是林晚本人", ["我是你的分身"], at=at, name="林晚", language="zh")
    assert archive_revision(archive) == before, "the dataset is not stale because somebody talked with the clone"
    archive.set_owner(["qq:10001", f"{LIVE_PLATFORM}:{VISITOR}", f"{LIVE_PLATFORM}:{CLONE}"])
    assert list(build_examples(archive.sessions(conversation.id), archive.persona())) == []


def test_remember_keeps_the_line_and_forget_asks_first_then_leaves_no_byte(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path)
    kept = keeper.obey("记住我的储物柜密码是七四二九", waiting=None)
    assert kept is not None
    assert kept.text == "好，记住了。"
    assert "七四二九" in recalled(clone, "储物柜密码")
    asked = keeper.obey("忘掉储物柜密码", waiting=None)
    assert asked is not None
    assert asked.waiting is not None
    assert "1 条消息" in asked.text
    assert "不能撤销" in asked.text
    assert keeper.obey("算了", waiting=asked.waiting) is None
    assert "七四二九" in recalled(clone, "储物柜密码")
    done = keeper.obey("确认", waiting=asked.waiting)
    assert done is not None
    assert done.text.startswith("忘掉了")
    assert "七四二九" not in recalled(clone, "储物柜密码")
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "七四二九".encode() not in held
    assert "青轴" in recalled(clone, "生日礼物要什么键盘"), "the rest is recalled as before"
    nothing = keeper.obey("忘掉从没说过的话", waiting=None)
    assert nothing is not None
    assert nothing.waiting is None


def test_what_cannot_be_kept_is_an_error_with_a_remedy(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path)
    clone.archive.connection.execute("PRAGMA query_only=1")  # as on a disk that is read-only
    for say in (lambda: keeper.keep("我养了一只三花猫", []), lambda: keeper.obey("记住我对花生过敏", waiting=None)):
        with pytest.raises(CloneError, match="read-only"):
            say()


def test_forgetting_is_done_even_when_the_rest_cannot_be_indexed_again(clone: Clone, tmp_path: Path) -> None:
    asked = companion(clone, tmp_path).obey("忘掉陈一宁", waiting=None)
    assert asked is not None
    lost = Settings(home=tmp_path, embedding=str(tmp_path / "no such model"))
    done = Companion(DataHome(tmp_path), clone, lost, is_live=True).obey("确认", waiting=asked.waiting)
    assert done is not None
    assert done.text.startswith("忘掉了。")
    assert "clone-agent index" in done.text
    assert "陈一宁" not in [person.name for person in clone.archive.people()]


def test_nobody_searches_while_another_process_makes_the_index_again(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    searching = Thread(target=lambda: found.append(recalled(clone, "生日礼物要什么键盘")))

    def refill_while_somebody_asks(*home: Path, **options: str | None) -> None:
        searching.start()
        searching.join(0.3)
        assert found == []
        refill(*home, **options)  # type: ignore[arg-type]  # passed on as they are
        assert found == []

    monkeypatch.setattr("memory.refill.refill", refill_while_somebody_asks)
    asked = companion(clone, tmp_path).obey("忘掉陈一宁", waiting=None)
    assert asked is not None
    companion(clone, tmp_path).obey("确认", waiting=asked.waiting)
    searching.join(30)
    assert "青轴" in found[0]


def test_in_english_one_message_is_one_message(tmp_path: Path) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        at = datetime(2024, 5, 15, 20, 0, tzinfo=ZONE)
        keep_talk(archive, "the locker code is 4711", [], at=at, name="Mia", language="en")
        archive.set_owner([f"{LIVE_PLATFORM}:{VISITOR}"])
        agent = CloneAgent(Actor(), persona=Persona(name="Mia"), memory=None)
        mute = Clone(archive=archive, memory=None, voice=Voice(model=Actor(), label="actor", adapter=None), agent=agent)
        asked = companion(mute, tmp_path).obey("forget locker code", waiting=None)
    assert asked is not None
    assert asked.text.startswith("That forgets 1 message in 1 chat, 2024-05-15")


def test_half_a_character_from_a_keyboard_or_browser_does_no_harm(clone: Clone, tmp_path: Path) -> None:
    *_, reply = clone.agent.answer("黄山\ud83d呢", history=[ChatTurn(role="user", text="在\udcff吗")], now=NOW)
    assert isinstance(reply, Reply)
    companion(clone, tmp_path).keep("我养了一只三花猫\ud83d叫豆包", ["好\udcff"])
    assert "豆包" in recalled(clone, "猫叫什么")


def test_a_person_is_forgotten_by_name_from_the_chat(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path)
    asked = keeper.obey("忘掉陈一宁", waiting=None)
    assert asked is not None
    assert "4 条消息" in asked.text
    keeper.obey("确认", waiting=asked.waiting)
    assert "陈一宁" not in [person.name for person in clone.archive.people()]


def test_the_page_obeys_keeps_and_forgets_only_after_consent(clone: Clone, tmp_path: Path) -> None:
    speaker = Speaker(
        agent=clone.agent,
        where=Surroundings(around=lambda *_: [], name_of=lambda message: message.sender_name),
        companion=companion(clone, tmp_path),
    )

    def line(talk: Talk, text: str) -> tuple[Talk, str]:
        *_, talk = speaker.chat(talk, text, use_memory=True, language="zh")
        return talk, str(talk.shown[-1].content)

    talk, answer = line(Talk(), "记住我的储物柜密码是七四二九")
    assert answer == "好，记住了。"
    talk, _ = line(talk, "我养了一只三花猫叫豆包")
    assert len(talk.turns) == 2, "orders are no part of the talk that the model is told"
    assert "豆包" in recalled(clone, "猫叫什么")
    talk, answer = line(talk, "忘掉豆包")
    assert "不能撤销" in answer
    talk, _ = line(talk, "还是不要了")
    assert talk.waiting is None
    talk, _ = line(talk, "确认")
    assert "豆包" in recalled(clone, "猫叫什么"), "consent to nothing forgets nothing"
    talk, _ = line(talk, "忘掉豆包")
    talk, answer = line(talk, "确认")
    assert [str(one.content) for one in talk.shown][-2:] == ["忘掉了。", "这段对话里说到它的地方也拿掉了。"]
    assert "豆包" not in recalled(clone, "猫叫什么")
    assert not any("豆包" in str(one) for one in (*talk.shown, *talk.turns)), "neither the page nor what the model is told holds it"
    assert "确认" in [turn.text for turn in talk.turns], "the rest of the talk goes on"


def test_a_talk_loses_what_rests_on_the_forgotten_even_in_other_words(clone: Clone, tmp_path: Path) -> None:
    speaker = Speaker(
        agent=clone.agent,
        where=Surroundings(around=lambda *_: [], name_of=lambda message: message.sender_name),
        companion=companion(clone, tmp_path),
    )
    talk = Talk()
    for line in ("周日在哪碰头", "今天好累", "忘掉陈一宁", "确认"):
        *_, talk = speaker.chat(talk, line, use_memory=line != "今天好累", language="zh")
    assert [turn.text for turn in talk.turns if turn.role == "user"] == ["今天好累"]


def test_what_the_clone_repeated_of_forgotten_words_goes_with_them(clone: Clone, tmp_path: Path) -> None:
    keeper = companion(clone, tmp_path)
    keeper.keep("她找到工作了吗", ["我找到新工作了 在字节做测试", "在字节做测试", "哈哈"])
    keeper.keep("我也在字节做测试", ["那巧了"])
    asked = keeper.obey("忘掉陈一宁", waiting=None)
    assert asked is not None
    keeper.obey("确认", waiting=asked.waiting)
    conversation = conversation_at(datetime.now().astimezone(), "zh").id
    assert [message.text for message in clone.archive.messages(conversation)] == ["她找到工作了吗", "哈哈", "我也在字节做测试", "那巧了"]


def test_the_page_says_what_could_not_be_kept_and_still_answers(clone: Clone, tmp_path: Path) -> None:
    where = Surroundings(around=lambda *_: [], name_of=lambda message: message.sender_name)
    speaker = Speaker(agent=clone.agent, where=where, companion=companion(clone, tmp_path))
    clone.archive.connection.execute("PRAGMA query_only=1")
    *_, talk = speaker.chat(Talk(), "我养了一只三花猫", use_memory=False, language="zh")
    assert len(talk.turns) == 2
    assert "read-only" in str(talk.shown[-1].content)
    assert talk.shown[-1].metadata["title"] == "这句没能记下来"
