"""Sessions become training examples: who answers what, where the held-out part begins, and the dataset folder that keeps them."""

import json
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from clone_agent.errors import DatasetError
from clone_agent.prompt import system_prompt
from clone_agent.records import ChatKind, ChatTurn, Conversation, Kind, Message, Persona, Session, Turn
from finetune.dataset import export_pairs, read_dataset, read_examples, write_dataset
from finetune.examples import Example, ExampleOptions, Verdict, build_examples
from finetune.splitting import SessionSpan, split_by_time

ZONE = timezone(timedelta(hours=8))
START = datetime(2024, 5, 15, 20, 0, tzinfo=ZONE)
ME = Persona(name="林晚")
OWNER, MING, HONG = "林晚", "小明", "小红"


def session(
    *turns: tuple[str, Sequence[str]], start: datetime = START, kind: ChatKind = ChatKind.PRIVATE, chat: str = "qq:10001"
) -> Session:
    """One message a minute; "" stands for a photo."""
    at, made = start, []
    for name, texts in turns:
        messages = []
        for text in texts:
            number = f"{chat}-{at:%m%d%H%M}"
            messages.append(
                Message(
                    id=number,
                    conversation=chat,
                    sender=name,
                    sender_name=name,
                    sent_at=at,
                    kind=Kind.TEXT if text else Kind.IMAGE,
                    text=text,
                )
            )
            at += timedelta(minutes=1)
        made.append(Turn(speaker=name, speaker_name=name, is_owner=name == OWNER, messages=tuple(messages)))
    return Session(id=made[0].messages[0].id, conversation=Conversation(id=chat, platform="qq", name="", kind=kind), turns=tuple(made))


DINNER = session((MING, ["吃饭了吗", "我快饿死了"]), (OWNER, ["吃了", "你呢"]), (MING, ["没"]), (OWNER, ["嗯"]))


def build(*sessions: Session, counts: Counter[str] | None = None, options: ExampleOptions | None = None) -> list[Example]:
    return list(build_examples(sessions, ME, options or ExampleOptions(), counts=counts))


def test_every_turn_of_the_owner_is_a_response_to_the_turn_before_it() -> None:
    first, second = build(DINNER)
    assert first.context == (ChatTurn(role="user", text="吃饭了吗\n我快饿死了"),)
    assert first.response == "吃了\n你呢"
    assert second.context == (*first.context, ChatTurn(role="assistant", text="吃了\n你呢"), ChatTurn(role="user", text="没"))
    assert second.response == "嗯"


def test_the_system_message_is_the_agents_at_the_time_of_the_reply() -> None:
    first, _ = build(DINNER)
    assert first.sent_at == START + timedelta(minutes=2)
    assert first.system == system_prompt(ME, now=first.sent_at, hits=None)
    assert first.turns()[0] == ChatTurn(role="system", text=first.system)


def test_in_a_group_the_others_are_called_by_name_and_speak_in_one_turn() -> None:
    group = session(
        (MING, ["周末爬山"]), (HONG, ["我去", "几点"]), (OWNER, ["不去"]), (HONG, ["为啥"]), (OWNER, ["累"]), kind=ChatKind.GROUP
    )
    first, second = build(group)
    assert first.context == (ChatTurn(role="user", text="小明：周末爬山\n小红：我去\n几点"),)
    assert [turn.role for turn in second.context] == ["user", "assistant", "user"]
    assert second.context[-1].text == "小红：为啥"


def test_turns_without_words_are_dropped_and_join_what_stands_around_them() -> None:
    counts: Counter[str] = Counter()
    (only,) = build(session((MING, ["看这个"]), (OWNER, ["等等"]), (MING, [""]), (OWNER, ["好看"])), counts=counts)
    assert only.response == "等等\n好看"
    assert counts["without words"] == 1


def test_every_part_of_a_joined_turn_counts_when_answers_are_left_out() -> None:
    def said(second: str) -> Session:
        return session((MING, ["你到哪了"]), (OWNER, ["快了"]), (MING, [""]), (OWNER, [second]))

    counts: Counter[str] = Counter()
    verdicts: list[Verdict] = []
    personal = said("我电话13577902468 到了打我")
    options = ExampleOptions(mask=False, drop_personal=True)
    assert list(build_examples([personal], ME, options, counts=counts, on_verdict=verdicts.append)) == []
    assert counts["personal data"] == 1
    ids = (personal.turns[1].messages[0].id, personal.turns[3].messages[0].id)
    assert [(one.message_ids, one.reason) for one in verdicts] == [(ids, "personal data")]
    assert build(said("帮我砍一刀 拼多多 复制这条信息打开"), counts=counts) == []
    assert counts["advert"] == 1


def test_an_opening_by_the_owner_is_counted_and_serves_as_context() -> None:
    counts: Counter[str] = Counter()
    (only,) = build(session((OWNER, ["在吗"]), (MING, ["在"]), (OWNER, ["没事"])), counts=counts)
    assert only.context[0] == ChatTurn(role="assistant", text="在吗")
    assert counts["opening"] == 1


def test_history_is_cut_to_the_latest_turns() -> None:
    long = session(*[(MING if number % 2 == 0 else OWNER, [str(number)]) for number in range(20)])
    last = build(long, options=ExampleOptions(max_turns=3))[-1]
    assert [turn.text for turn in last.context] == ["16", "17", "18"]


def test_personal_data_is_masked_on_both_sides_unless_kept() -> None:
    chat = session((MING, ["打我电话13812345678"]), (OWNER, ["好 我的是13987654321"]))
    counts: Counter[str] = Counter()
    (masked,) = build(chat, counts=counts)
    assert "138" not in masked.context[0].text
    assert "139" not in masked.response
    assert masked.response.startswith("好 我的是")
    assert sum(count for name, count in counts.items() if name.startswith("masked ")) == 2
    (kept,) = build(chat, options=ExampleOptions(mask=False))
    assert kept.response == "好 我的是13987654321"


def days(count: int) -> Iterator[Session]:
    for day in range(count):
        yield session((MING, ["早"]), (OWNER, [f"早 第{day}天"]), (MING, ["忙吗"]), (OWNER, ["忙"]), start=START + timedelta(days=day))


def test_evaluation_is_the_last_share_and_no_session_is_torn(tmp_path: Path) -> None:
    write_dataset(build_examples(days(20), ME), tmp_path, options=ExampleOptions(eval_share=0.1))
    train, evaluation, manifest = read_dataset(tmp_path)
    assert manifest["examples"] == {"train": 36, "eval": 4} == {"train": len(train), "eval": len(evaluation)}
    assert max(example.sent_at for example in train) < min(example.sent_at for example in evaluation)
    assert not {example.session for example in train} & {example.session for example in evaluation}


def span(name: str, first: int, last: int, examples: int = 1) -> SessionSpan:
    return SessionSpan(session=name, first=START + timedelta(hours=first), last=START + timedelta(hours=last), examples=examples)


def test_the_cut_is_laid_in_a_pause_of_all_chats() -> None:
    spans = [span("a", 0, 1, 8), span("b", 10, 14), span("c", 13, 15), span("d", 14, 16)]
    assert split_by_time(spans, eval_share=0.2) == {"b", "c", "d"}


def test_without_a_pause_near_the_share_running_sessions_go_to_evaluation() -> None:
    spans = [span(f"long{number}", 0, number + 1, 10) for number in range(10)]
    assert split_by_time(spans, eval_share=0.1) == {"long9"}


def test_a_single_session_is_all_training() -> None:
    assert split_by_time([span("a", 0, 1, 50)], eval_share=0.1) == frozenset()


def test_examples_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_dataset(build_examples(days(5), ME), tmp_path)
    train, evaluation, _ = read_dataset(tmp_path)
    assert sorted([*train, *evaluation], key=lambda example: example.sent_at) == build(*days(5))


def test_the_manifest_tells_counts_lengths_settings_and_a_hash_of_the_content(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    manifest = write_dataset(build_examples([DINNER, *days(3)], ME, counts=counts), tmp_path, counts=counts)
    assert manifest["conversations"] == {"qq:10001": 8}
    kept = {"max_turns": 8, "mask": True, "eval_share": 0.1, "threads": True, "pseudonyms": False}
    assert kept.items() <= manifest["settings"].items()
    assert manifest["lengths"]["before merging"]["count"] == 9
    assert manifest["lengths"]["before merging"]["histogram"]["3-5"] == 3
    assert manifest["lengths"]["after merging"]["histogram"]["3-5"] == 4  # 吃了 and 你呢 are one reply
    assert manifest == json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    again = write_dataset(build_examples([DINNER, *days(3)], ME), tmp_path / "again")
    other = write_dataset(build_examples([DINNER, *days(4)], ME), tmp_path / "other")
    assert again["hash"] == manifest["hash"] != other["hash"]


def test_the_files_are_the_users_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_dataset(build_examples(days(3), ME), tmp_path / "dataset")
    files = sorted((tmp_path / "dataset").iterdir())
    assert [file.name for file in files] == ["eval.jsonl", "manifest.json", "train.jsonl"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "dataset").stat().st_mode) == 0o700


def test_no_example_at_all_is_an_error_that_leaves_the_old_dataset(tmp_path: Path) -> None:
    before = write_dataset(build_examples(days(3), ME), tmp_path)
    with pytest.raises(DatasetError, match="no turn of the owner") as error:
        write_dataset(build_examples([session((MING, ["在吗"]))], ME), tmp_path)
    assert "--me" in error.value.remedy
    assert read_dataset(tmp_path)[2] == before


def test_a_missing_or_damaged_dataset_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no dataset") as error:
        read_dataset(tmp_path)
    assert error.value.remedy == "Run `clone-agent dataset` first."
    write_dataset(build_examples(days(3), ME), tmp_path)
    (tmp_path / "train.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"train\.jsonl:1: not an example"):
        read_dataset(tmp_path)


def test_the_export_has_prompt_response_and_history_in_pairs(tmp_path: Path) -> None:
    chat = session((OWNER, ["在吗"]), (MING, ["在"]), (OWNER, ["吃饭"]), (MING, ["走"]), (OWNER, ["楼下等"]))
    path = tmp_path / "pairs.jsonl"
    assert export_pairs(build_examples([chat], ME), path) == 2
    first, second = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert first == {"prompt": "在", "response": "吃饭", "history": [["", "在吗"]]}
    assert second == {"prompt": "走", "response": "楼下等", "history": [["", "在吗"], ["在", "吃饭"]]}


def test_examples_are_read_one_by_one(tmp_path: Path) -> None:
    write_dataset(build_examples(days(3), ME), tmp_path)
    assert next(read_examples(tmp_path / "train.jsonl")).response == "早 第0天"


def test_a_file_that_is_no_dataset_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes('{"response": "早"}'.encode("gbk"))
    with pytest.raises(DatasetError, match=r"train\.jsonl:1: not an example"):
        list(read_examples(tmp_path / "train.jsonl"))
