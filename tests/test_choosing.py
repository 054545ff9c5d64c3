"""What is learnt from, how often, and why not: quality, period, people, length, threads, names, contacts."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from clone_agent.archive import Archive
from clone_agent.persona import with_contact
from clone_agent.prompt import system_prompt
from clone_agent.pseudonyms import NamedPerson, Pseudonyms
from clone_agent.records import ChatKind, Conversation, Kind, Message, Persona, Session, Turn
from clone_agent.threads.untangle import untangle
from finetune.choosing import Wanted
from finetune.dataset import read_dataset, write_dataset
from finetune.examples import Example, ExampleOptions, Verdict, build_examples
from finetune.sampling import MOST, Sampling, length_class
from ui.cli import main
from ui.config import Settings
from ui.wiring import Voice, make_agent

ZONE = timezone(timedelta(hours=8))
START = datetime(2024, 5, 15, 20, tzinfo=ZONE)
ME = Persona(name="林晚")
OWNER, MING, HONG, BAO = "林晚", "小明", "小红", "阿宝"


def session(
    *said: tuple[str, str],
    start: datetime = START,
    kind: ChatKind = ChatKind.PRIVATE,
    chat: str = "qq:1",
    quotes: dict[int, int] | None = None,
) -> Session:
    """One message each, twenty seconds apart; `quotes` says which message answers which."""
    turns: list[Turn] = []
    for number, (name, text) in enumerate(said):
        message = Message(
            id=f"{chat}-{start:%Y%m%d%H}-{number}",
            conversation=chat,
            sender=name,
            sender_name=name,
            sent_at=start + timedelta(seconds=20 * number),
            kind=Kind.TEXT,
            text=text,
            source_id=str(number),
            reply_to=str(quotes[number]) if quotes and number in quotes else None,
        )
        if turns and turns[-1].speaker == f"qq:{name}":
            turns[-1] = Turn(speaker=f"qq:{name}", speaker_name=name, is_owner=name == OWNER, messages=(*turns[-1].messages, message))
        else:
            turns.append(Turn(speaker=f"qq:{name}", speaker_name=name, is_owner=name == OWNER, messages=(message,)))
    return Session(id=turns[0].messages[0].id, conversation=Conversation(id=chat, platform="qq", name="", kind=kind), turns=tuple(turns))


def build(*sessions: Session, counts: Counter[str] | None = None, **options: object) -> list[Example]:
    return list(build_examples(sessions, ME, ExampleOptions(**options), counts=counts))  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("您好，我现在有事不在，一会再和您联系。", "automatic reply"),
        ("[自动回复] 稍后联系", "automatic reply"),
        ("帮我砍一刀呗 就差一点了", "advert"),
        ("复制这条信息打开淘宝 ￥Ab12cd34￥", "advert"),
        ("https://example.com/a?b=1", "bare link"),
        ("/roll 100", "command to a bot"),
    ],
)
def test_what_is_not_the_owners_own_words_is_left_out_with_its_reason(text: str, reason: str) -> None:
    counts: Counter[str] = Counter()
    assert build(session((MING, "在吗"), (OWNER, text)), counts=counts) == []
    assert counts[reason] == 1


@pytest.mark.parametrize("text", ["嗯", "6", "。", "看看这个 https://example.com 超好笑", "我在开车", "!!!", "转发一下作业", "好的 收到"])
def test_nothing_is_left_out_for_being_short_or_for_holding_a_link(text: str) -> None:
    assert [example.response for example in build(session((MING, "在吗"), (OWNER, text)))] == [text]


def test_a_long_text_counts_once_and_only_when_it_is_the_owners() -> None:
    blessing = "祝大家新年快乐 万事如意 身体健康 阖家幸福"
    counts: Counter[str] = Counter()
    chats = [session((MING, "新年好"), (OWNER, blessing), chat=f"qq:{number}") for number in range(3)]
    assert len(build(*chats, counts=counts)) == 1
    assert counts["said before word for word"] == 2
    passed_on = session((MING, blessing), (OWNER, blessing), chat="qq:9")
    assert build(passed_on, counts=counts) == []
    assert counts["passed on"] == 1
    assert len(build(*[session((MING, "在吗"), (OWNER, "在"), chat=f"qq:{number}") for number in range(3)])) == 3


def test_channels_and_bots_are_no_teachers() -> None:
    counts: Counter[str] = Counter()
    assert build(session((MING, "签到成功"), (OWNER, "签到"), kind=ChatKind.OTHER), counts=counts) == []
    assert counts["channel or bot"] == 1


def test_period_and_people_limit_what_is_learnt() -> None:
    old = session((MING, "在吗"), (OWNER, "在"), start=START - timedelta(days=800))
    new = session((HONG, "在吗"), (OWNER, "刚醒"), chat="qq:2")
    counts: Counter[str] = Counter()
    assert [one.response for one in build(old, new, counts=counts, wanted=Wanted(since=datetime(2024, 5, 14)))] == ["刚醒"]
    assert counts["other period"] == 1
    assert [one.response for one in build(old, new, wanted=Wanted(until=datetime(2024, 5, 14)))] == ["在"]
    assert [one.response for one in build(old, new, wanted=Wanted(people=("小红",)))] == ["刚醒"]
    assert [one.response for one in build(old, new, wanted=Wanted(people=("qq:1", "nobody")))] == ["在"]


def test_in_a_group_the_answer_follows_its_thread() -> None:
    group = session(
        (MING, "周末谁去爬山？"),
        (BAO, "有人知道打印机怎么连吗"),
        (HONG, "@小明 爬山算我一个"),
        (OWNER, "@阿宝 打印机先连无线 再装驱动"),
        (MING, "@小红 好 周六八点"),
        (BAO, "@林晚 连上了 谢谢"),
        (OWNER, "@小明 我也去爬山"),
        kind=ChatKind.GROUP,
        quotes={2: 0, 3: 1, 4: 2, 5: 3, 6: 0},
    )
    printer, hike = build(group)
    if "打印机" not in printer.response:
        printer, hike = hike, printer
    assert printer.context[-1].text == "阿宝：有人知道打印机怎么连吗"
    assert [turn.text for turn in hike.context] == ["小明：周末谁去爬山？\n小红：@小明 爬山算我一个\n小明：@小红 好 周六八点"]
    assert {printer.session, hike.session} == {f"qq:1/{group.id}"}, "threads of one sitting are never torn apart by the split"
    (mixed, _) = build(group, threads=False)
    assert "爬山" in mixed.context[-1].text


def test_untangling_keeps_every_message_once() -> None:
    people = (MING, HONG, BAO, OWNER)
    said = [(people[number % 4], f"第{number}句 {'爬山' if number % 3 else '打印机'}") for number in range(40)]
    group = session(*said, kind=ChatKind.GROUP)
    threads = untangle(group)
    kept = [message.id for thread in threads for turn in thread.turns for message in turn.messages]
    assert sorted(kept) == sorted(message.id for turn in group.turns for message in turn.messages)
    for thread in threads:
        times = [message.sent_at for turn in thread.turns for message in turn.messages]
        assert times == sorted(times)
        assert thread.id == thread.turns[0].messages[0].id
    private = session((MING, "在"), (OWNER, "在"))
    assert untangle(private) == [private]


def test_long_answers_are_drawn_more_often_and_short_ones_never_less(tmp_path: Path) -> None:
    long = "昨天跟她聊了很久 她说想回老家开个小店 我觉得挺好的"
    chats = [
        session((MING, "在吗"), (OWNER, "嗯"), (MING, "怎么说"), (OWNER, "嗯嗯" if day % 5 else long), start=START + timedelta(days=day))
        for day in range(60)
    ]
    options = ExampleOptions(eval_share=0)
    manifest = write_dataset(build_examples(chats, ME, ExampleOptions(eval_share=0)), tmp_path, options=options)
    train, _, _ = read_dataset(tmp_path)
    assert len(train) < manifest["learnt"] == sum(example.copies for example in train)
    assert min(example.copies for example in train) == 1
    before, after = manifest["lengths"]["after merging"], manifest["lengths"]["as learnt"]
    assert after["mean"] > before["mean"] * 1.1
    plain = write_dataset(build_examples(chats, ME, options), tmp_path, options=ExampleOptions(eval_share=0, balance=1))
    assert plain["learnt"] == len(train)


def test_weights_are_bounded_and_halve_with_the_half_life() -> None:
    sampling = Sampling(classes={length_class(1): 1000, length_class(40): 1}, newest=START, balance=0.5, half_life=timedelta(days=100))
    assert sampling.weight(1, START) == 1
    assert sampling.weight(40, START) == MOST
    assert sampling.weight(1, START - timedelta(days=200)) == pytest.approx(0.25)
    drawn = [sampling.copies(f"id{number}", 1, START - timedelta(days=100)) for number in range(1000)]
    assert 440 < sum(drawn) < 560
    assert drawn == [sampling.copies(f"id{number}", 1, START - timedelta(days=100)) for number in range(1000)]


def test_names_become_pseudonyms_the_same_everywhere() -> None:
    people = [
        NamedPerson(names=("林晚", "晚晚"), is_owner=True),
        NamedPerson(names=("小明", "明哥", "Ming"), is_owner=False),
        NamedPerson(names=("小红", "红"), is_owner=False),
    ]
    names = Pseudonyms(people, language="zh")
    assert names.replace("@明哥 你跟小红说 Ming 和 Mingle 是两回事 红的") == "@友甲 你跟友乙说 友甲 和 Mingle 是两回事 红的"
    (only,) = build(session((MING, "小红来吗"), (OWNER, "明哥你问她 晚晚不知道"), kind=ChatKind.GROUP, quotes={1: 0}), pseudonyms=names)
    assert only.context[-1].text == "友甲：友乙来吗"
    assert only.response == "友甲你问她 晚晚不知道"


def test_answers_with_personal_data_can_be_left_out() -> None:
    chat = session((MING, "电话多少"), (OWNER, "13812345678"), (MING, "好"), (OWNER, "嗯"))
    counts: Counter[str] = Counter()
    assert [one.response for one in build(chat, drop_personal=True, counts=counts)] == ["嗯"]
    assert counts["personal data"] == 1


def test_the_contact_stands_in_the_system_message_only_when_asked_for() -> None:
    chat = session((MING, "在吗"), (OWNER, "在"))
    (plain,) = build(chat)
    assert plain.system == system_prompt(ME, now=plain.sent_at, hits=None)
    (told,) = build(chat, contacts=True)
    assert told.system == system_prompt(with_contact(ME, ["小明"]), now=told.sent_at, hits=None)
    assert told.system == f"{plain.system}\n你正在和小明聊天。"
    assert with_contact(ME, []) == ME


def test_every_turn_of_the_owner_gets_a_verdict() -> None:
    verdicts: list[Verdict] = []
    chat = session((OWNER, "起了"), (MING, "早"), (OWNER, "https://example.com"), (MING, "啥"), (OWNER, "没事"))
    (made,) = build_examples([chat], ME, on_verdict=verdicts.append)
    assert [verdict.reason for verdict in verdicts] == ["opening", "bare link", ""]
    assert verdicts[2].example == made.id
    assert verdicts[2].context_ids == tuple(message.id for turn in chat.turns[:4] for message in turn.messages)


def test_the_command_limits_draws_and_explains(tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "home")]
    exports = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"

    def run(*arguments: str) -> dict[str, object]:
        done = CliRunner().invoke(main, [*arguments, *home, "--json"])
        assert done.exit_code == 0, done.stderr
        return dict(json.loads(done.stdout))

    run("import", str(exports), "--timezone", "Asia/Shanghai")
    everything = run("dataset")
    some = run("dataset", "--since", "2023", "--until", "2024-01", "--contacts", "--pseudonyms", "--half-life", "365")
    assert sum(some["examples"].values()) < sum(everything["examples"].values())  # type: ignore[attr-defined]  # a mapping
    assert "2023-01" <= str(some["first"])[:7] <= str(some["last"])[:7] <= "2023-12"
    train, _, _ = read_dataset(tmp_path / "home" / "dataset")
    assert "你正在和友甲聊天。" in train[0].system
    with Archive.open(tmp_path / "home") as archive:
        (info,) = archive.conversations()
        owners = [turn for one in archive.sessions(info.conversation.id) for turn in one.turns[1:] if turn.is_owner and turn.text]
    told = run("dataset", "--explain", owners[0].messages[0].source)
    assert told["example"] == f"{info.conversation.id}/{owners[0].messages[0].id}"
    assert told["response"]
    assert told["message"] == owners[0].messages[0].id
    missing = CliRunner().invoke(main, ["dataset", "--explain", "nothing", *home])
    assert missing.exit_code == 2
    assert "FILE:LINE" in missing.stderr


def test_the_agent_is_told_whom_it_talks_to(tmp_path: Path) -> None:
    seen: list[str] = []

    class Listening(GenericFakeChatModel):
        def _stream(self, messages: list[BaseMessage], *args: object, **kwargs: object) -> Iterator[ChatGenerationChunk]:
            seen.append(str(messages[0].content))
            return super()._stream(messages, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they come

    with Archive.open(tmp_path, create=True) as archive:
        for contact in (None, "小明"):
            voice = Voice(model=Listening(messages=iter([AIMessage("在呢")])), label="replays", adapter=None)
            agent = make_agent(archive, None, voice, Settings(home=tmp_path, contact=contact))
            assert [*agent.answer("在吗", use_memory=False)]
    plain, told = seen
    assert "小明" not in plain
    assert told.endswith("你正在和小明聊天。")
