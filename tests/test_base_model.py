"""The small GLM that ships: its tokenizer, its training tasks and the loop that trains it."""

import json
from pathlib import Path
from random import Random

import pytest
import torch
from tiny_glm import model as tiny_model
from tiny_glm import tokenizer as tiny_tokenizer
from transformers import AutoTokenizer, GlmForCausalLM

from clone_agent.errors import CloneError
from clone_agent.prompt import split_citation
from clone_agent.records import ChatTurn
from clone_agent.worlds import KEPT, read_worlds
from finetune.base_model import train
from finetune.base_model.answered import find_answered
from finetune.base_model.copying import Vocabulary, copy_item, lookup_item, pointing_item
from finetune.base_model.corpora import invented_dialogues, read_dialogues
from finetune.base_model.evaluate import UNKNOWN, draw_probes, is_right, measure_reading, measure_small_talk, score_reading, without_dates
from finetune.base_model.items import Item, collate
from finetune.base_model.loop import LoopConfig, Optimizers, Progress, learning_rate, load_checkpoint, train_stage
from finetune.base_model.mixture import Mixture, Recipe
from finetune.base_model.reading import Level, ReadingTask, draw_reading
from finetune.base_model.scenes import scenes
from finetune.base_model.slots import is_held_out, slot_value
from finetune.base_model.small_talk import Corpus, bubbles, draw_chat, gather
from finetune.base_model.tokenizer import SPECIALS, han_characters
from finetune.base_model.typing_habits import typed
from finetune.chat_format import chat_format
from finetune.chat_ids import plain_ids
from finetune.model_files import RecallHabits, recall_habits

DIALOGUES = [
    ["周末我和朋友去爬山，下午三点才到山顶", "腿断了没", "差点，因为忘了带水", "下次叫我"],
    ["我昨天在商场买了一双新鞋子", "多少钱", "一百二十块，老板还送了袜子", "真划算"],
    ["妈妈做的红烧肉太好吃了，我吃了三碗饭", "给我留点", "没了，明天再做", "哼"],
    ["你在哪个公司上班", "在一家设计院，每天画图纸", "累不累", "还行，就是加班多"],
    ["我想去北京看一个展览，老师说很值得", "什么时候去", "寒假吧，我买了火车票", "带我一个"],
    ["最近在学吉他，手指好痛", "练了多久", "两个月了，每天一个小时", "坚持"],
    ["昨天同学把我的雨伞借走了，到现在没还", "催一下他", "他说弄丢了", "让他赔"],
    ["我女朋友送了我一只猫，叫年糕", "好可爱", "它把沙发抓坏了", "哈哈哈"],
]
ENGLISH = '{"1": {"User": "I walked home with Anna in the rain today.", "Chatbot": "Did you get wet?"}}'


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    rows = [
        {"turns": [["ab"[index % 2], text] for index, text in enumerate([*turns, f"第{number}次了"])]}
        for number in range(6)
        for turns in DIALOGUES
    ]
    (folder / "talk.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    (folder / "locco").mkdir()
    (folder / "locco" / "LOCCO.json").write_text(
        json.dumps([[["2016-07-25", ENGLISH.replace("Anna", name)] for name in ("Anna", "Ben", "Ivy")]] * 3), "utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def corpus(corpora: Path) -> Corpus:
    return gather(read_dialogues(corpora))


@pytest.fixture(scope="module")
def tasks(corpus: Corpus) -> list[ReadingTask]:
    rng = Random(1)
    return [
        draw_reading(rng, Level(), language=language, said=corpus.said(language)) for language in ("zh", "zh", "en") for _ in range(150)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "外婆82岁了 哈哈😂👨‍👩‍👧\n\tHello  world, don't",
        "𠮷野家 䶮 é Привет ｶﾅ かな　ＡＢ",
        "<|user|>改一下 [gMASK]<sop><0xE4> \r\n \u200b",
        "  leading and trailing  ",
    ],
)
def test_decoding_gives_back_every_text(text: str) -> None:
    assert tiny_tokenizer().decode(plain_ids(tiny_tokenizer(), text)) == text


def test_every_han_character_of_gb2312_is_one_token() -> None:
    characters = han_characters()
    assert len(characters) == 6_763
    assert len(plain_ids(tiny_tokenizer(), "".join(characters))) == 6_763


def test_a_word_has_the_same_ids_wherever_it_stands() -> None:
    alone = plain_ids(tiny_tokenizer(), "dinner")
    inside = plain_ids(tiny_tokenizer(), "我们 dinner，dinner")
    assert inside[3 : 3 + len(alone)] == alone
    assert inside[-len(alone) :] == alone


def test_words_of_people_never_form_a_special_token() -> None:
    ids = plain_ids(tiny_tokenizer(), "".join(SPECIALS))
    assert not set(ids) & set(tiny_tokenizer().all_special_ids)


def test_the_tokenizer_loads_from_its_folder(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert plain_ids(loaded, "黄山 seven") == plain_ids(tiny_tokenizer(), "黄山 seven")
    assert loaded.convert_tokens_to_ids(list(SPECIALS)) == list(range(len(SPECIALS)))


def test_an_answer_stands_in_the_block(tasks: list[ReadingTask]) -> None:
    for task in tasks:
        for question in task.questions:
            is_own = question.gold in {"我", "I"}
            if question.gold and not is_own and question.kind not in {"date", "retold.date"}:
                assert question.gold in task.system or question.gold in without_dates(task.system)
            if question.kind == "S" and not is_own:
                assert question.gold in task.system


def test_the_answer_when_is_the_date_of_a_line(tasks: list[ReadingTask]) -> None:
    for task in tasks:
        for question in task.questions:
            if question.kind in {"date", "retold.date"} and task.language == "zh":
                month, day = question.gold.removesuffix("号").split("月")
                assert f"-{int(month):02}-{int(day):02} " in task.system


def test_what_the_block_does_not_hold_is_not_remembered(tasks: list[ReadingTask]) -> None:
    absent = [question for task in tasks for question in task.questions if question.kind == "absent"]
    assert len(absent) > 50
    assert all(not question.gold and UNKNOWN.search(question.reply) for question in absent)


def test_a_reply_cites_the_line_whose_words_it_says_again(tasks: list[ReadingTask]) -> None:
    for task in tasks:
        lines = task.system.split("\n")[3:-1]
        for question in task.questions:
            number, said = split_citation(question.reply)
            assert (number == 0) is (question.kind == "absent")
            if number:
                assert lines[number - 1].startswith(f"[{number}] ")
                assert said.split(" ")[-1] in lines[number - 1]


def test_the_line_that_answers_is_mostly_among_the_first(tasks: list[ReadingTask]) -> None:
    numbers = [
        (split_citation(question.reply)[0], task.system.count("\n["))
        for task in tasks
        for question in task.questions
        if question.gold and task.system.count("\n[") > 3
    ]
    assert sum(number == 1 for number, _ in numbers) > len(numbers) * 0.35
    assert {number for number, _ in numbers} >= {1, 2, 3, 4}


def test_a_line_is_typed_in_many_hands_and_keeps_its_clauses() -> None:
    rng = Random(3)
    lines = {typed("到黄山了 腿都断了", rng) for _ in range(200)}
    assert all("到黄山了" in line and "腿都断了" in line for line in lines)
    assert len(lines) > 50
    assert sum(" 腿" not in line for line in lines) > 50


def test_a_question_of_a_dialogue_finds_the_answer_and_not_what_is_asked_back() -> None:
    turns = ["嗯，那它的电话是多少？", "电话是6512-7788，你要去吗？", "去。你知道几点开门吗？", "早上八点", "好"]
    assert [(pair.question, pair.answer, pair.others) for pair in find_answered(turns)] == [
        ("它的电话是多少", "电话是6512-7788", ("早上八点",)),
        ("几点开门", "早上八点", ("电话是6512-7788",)),
    ]


def test_a_right_reply_holds_its_answer(tasks: list[ReadingTask]) -> None:
    for task in tasks:
        for question in task.questions:
            if question.gold:
                assert is_right(question.gold, question.reply), question.kind


def test_the_system_message_is_the_agents_own(tasks: list[ReadingTask]) -> None:
    for task in tasks[:20]:
        first, rule, mark, *lines, end = task.system.split("\n")
        nonce = mark.strip("<>").split()[1]
        assert end == mark.replace("<", "</")
        assert len(nonce) == 4
        assert lines[0].startswith("[1] ") or "没有找到" in lines[0] or "nothing found" in lines[0]
        assert rule.startswith(("以下是以前的聊天记录", "Below are past chat lines"))
        assert first.startswith(("你是", "You are "))


def test_evaluation_uses_words_and_patterns_that_training_does_not() -> None:
    rng = Random(2)
    trained = {slot_value("kin", rng, language="zh", held_out=False) for _ in range(300)}
    asked = {slot_value("illness", rng, language="zh", held_out=True) for _ in range(300)}
    assert not any(is_held_out(word) for word in trained if len(word) > 4)
    assert any(is_held_out(word) for word in asked)
    patterns = [
        pattern for language in ("zh", "en") for scene in scenes(language) for listed in scene.questions.values() for pattern in listed
    ]
    assert 0.05 < sum(map(is_held_out, patterns)) / len(patterns) < 0.25
    assert len(patterns) > 400


def test_loss_is_taken_on_replies_and_their_stop_token_alone(corpus: Corpus, tasks: list[ReadingTask]) -> None:
    tokenizer = tiny_tokenizer()
    form, mixture = chat_format(tokenizer), Mixture(tokenizer, corpus, Recipe())
    task = next(task for task in tasks if len(task.questions) > 2)
    item = mixture.reading_item(task)
    turns = [ChatTurn(role="system", text=task.system)]
    expected: list[int] = []
    for question in task.questions:
        turns.append(ChatTurn(role="user", text=question.text))
        expected += form.response_ids(question.reply)
        known = form.prompt_ids(turns)
        turns.append(ChatTurn(role="assistant", text=question.reply))
    assert item.ids == known + form.response_ids(task.questions[-1].reply)
    assert [number for number, weight in zip(item.ids, item.weights, strict=True) if weight] == expected


def test_chat_tasks_are_short_and_use_the_agents_prompt(corpus: Corpus) -> None:
    rng = Random(3)
    for _ in range(100):
        task = draw_chat(rng, corpus, language="zh")
        assert task.turns[0].role == "system"
        assert task.turns[0].text.startswith("你是")
        assert task.turns[-1].role == "user"
        assert 1 <= len(task.reply.split("\n")) <= 3


def test_some_of_the_talk_is_in_the_other_language(corpus: Corpus) -> None:
    rng = Random(4)
    asked = [draw_chat(rng, corpus, language="zh").turns[-1].text for _ in range(400)]
    assert 0.08 < sum(text.isascii() for text in asked) / len(asked) < 0.25


def test_a_reply_falls_into_bubbles_without_full_stops() -> None:
    assert {bubbles("到了。你呢？快来！", Random(seed)) for seed in range(20)} == {"到了\n你呢？\n快来！", "到了。你呢？快来！"}


def test_grave_topics_and_counsellors_are_left_out(tmp_path: Path) -> None:
    rows = [[["a", "我想自杀"], ["b", "别这样"]], [["a", "在干嘛"], ["b", "看书"]], [["a", "晚上吃啥"], ["b", "建议你找专业的心理咨询"]]]
    (tmp_path / "talk.jsonl").write_text("\n".join(json.dumps({"turns": turns}, ensure_ascii=False) for turns in rows), "utf-8")
    found = gather(read_dialogues(tmp_path))
    assert [*found.exchanges.get("talk", []), *found.held_out_exchanges] == [("在干嘛", "看书")]


def test_a_folder_without_text_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CloneError, match="no corpus") as caught:
        list(read_dialogues(tmp_path))
    assert "--corpora" in caught.value.remedy


def test_copying_asks_for_what_was_there_before() -> None:
    vocabulary, rng = Vocabulary(tiny_tokenizer()), Random(4)
    for item in (copy_item(vocabulary, rng), lookup_item(vocabulary, rng, lines=4)):
        assert len(item.ids) == len(item.weights)
        assert not item.weights[0]
    item = copy_item(vocabulary, rng)
    start = item.weights.index(1.0)
    segment = item.ids[start - 1 :]
    assert any(item.ids[place : place + len(segment)] == segment for place in range(start - 1))


def test_the_vocabulary_of_the_warmup_grows_faster_once_copying_works() -> None:
    slow, fast = Vocabulary(tiny_tokenizer(), size=1_000), Vocabulary(tiny_tokenizer(), size=1_000)
    slow.grow(0.1)
    fast.grow(0.9)
    assert 1_000 < slow.size < fast.size


def test_a_batch_predicts_each_target_from_the_token_before() -> None:
    batch = collate([Item(kind="a", ids=[5, 6, 7], weights=[0, 0, 1.0]), Item(kind="b", ids=[8, 9], weights=[0, 2.0])], pad=0)
    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 9, 0]]
    assert batch.targets.tolist() == [7, 9]
    assert batch.input_ids.flatten()[batch.positions].tolist() == [6, 8]
    assert batch.weights.tolist() == [1.0, 2.0]


def test_the_rate_rises_stays_and_falls() -> None:
    config = LoopConfig(tokens=1_000, warmup_steps=10, decay_share=0.3)
    rates = [
        learning_rate(config, Progress(stage="main", step=step, tokens=tokens))
        for step, tokens in ((0, 0), (50, 500), (90, 900), (100, 1_000))
    ]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[1] == pytest.approx(1e-3)
    assert rates[1] > rates[2] > rates[3] > 0


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(corpus: Corpus, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    recipe = Recipe(batch_tokens=400, context=400, group=2)

    def run(folder: Path, parts: tuple[int, ...]) -> GlmForCausalLM:
        folder.mkdir()
        for part, tokens in enumerate(parts):
            model = tiny_model(seed=part)
            assert isinstance(model, GlmForCausalLM)
            optimizers, progress = Optimizers(model), Progress(stage="main")
            if part:
                progress = load_checkpoint(folder, model, optimizers, stage="main")
            mixture = Mixture(tokenizer, corpus, recipe)
            config = LoopConfig(tokens=tokens, decay_share=0.0, log_every=1)
            train_stage(model, optimizers, progress, config=config, batch=mixture.batch, out=folder)
        return model

    whole, halves = run(tmp_path / "whole", (4_000,)), run(tmp_path / "halves", (1_500, 4_000))
    for left, right in zip(whole.state_dict().values(), halves.state_dict().values(), strict=True):
        assert torch.equal(left, right)
    assert _curve(tmp_path / "whole") == _curve(tmp_path / "halves")


def _curve(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "progress.jsonl").read_text("utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "tokens_per_s"} for row in rows]


def test_a_stage_starts_from_a_model_that_was_written(corpora: Path, tmp_path: Path) -> None:
    tiny_model(seed=3).save_pretrained(tmp_path / "start")
    tiny_tokenizer().save_pretrained(tmp_path / "start")
    options = ["--corpora", str(corpora), "--out", str(tmp_path / "out"), "--stage", "main", "--from", str(tmp_path / "start")]
    train.main([*options, "--tokens", "800", "--batch-tokens", "500"])
    assert torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["progress"]["tokens"] >= 800


def test_the_shipped_model_answers_the_small_talk_it_was_taught() -> None:
    weights = Path(train.__file__).parent / "weights"
    model = GlmForCausalLM.from_pretrained(weights, local_files_only=True, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
    assert measure_small_talk(model, tokenizer, language="zh")["fitting"] > 0.5  # by chance: under 0.02


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks under a test runner that has threads
def test_processes_that_draw_ahead_change_no_batch(corpus: Corpus) -> None:
    tokenizer, recipe = tiny_tokenizer(), Recipe(batch_tokens=400, context=400, group=2)
    mixture = Mixture(tokenizer, corpus, recipe)
    for begun in (0, 3):  # a stage that goes on begins within a group
        drawn = train.ahead(Mixture(tokenizer, corpus, recipe), begun, 1)
        for step in range(begun, begun + 4):
            progress = Progress(stage="main", step=step)
            ours, theirs = collate(mixture.batch(progress), pad=mixture.pad), drawn(progress)
            assert torch.equal(ours.input_ids, theirs.input_ids)
            assert torch.equal(ours.targets, theirs.targets)
            assert torch.equal(ours.weights, theirs.weights)
            assert ours.kinds == theirs.kinds


def test_the_rate_falls_by_the_clock_where_the_clock_ends_the_stage() -> None:
    config, progress = LoopConfig(tokens=10**9, seconds=100, warmup_steps=10, decay_share=0.4), Progress(stage="main", step=50, tokens=500)
    assert learning_rate(config, progress, 60) == pytest.approx(1e-3)
    assert learning_rate(config, progress, 80) == pytest.approx(1e-3 * (0.05 + 0.95 * 0.5))
    assert learning_rate(config, progress, 101) == pytest.approx(5e-5)


def test_minutes_end_the_main_stage_and_the_model_is_written_all_the_same(corpora: Path, tmp_path: Path) -> None:
    tiny_model(seed=3).save_pretrained(tmp_path / "start")
    tiny_tokenizer().save_pretrained(tmp_path / "start")
    options = ["--corpora", str(corpora), "--out", str(tmp_path / "out"), "--stage", "main", "--from", str(tmp_path / "start")]
    train.main([*options, "--minutes", "0.005", "--batch-tokens", "300", "--export", str(tmp_path / "weights")])
    assert 0 < torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["progress"]["tokens"] < 1_000_000  # of 35 million
    written = GlmForCausalLM.from_pretrained(tmp_path / "weights", local_files_only=True, dtype=torch.float32)
    assert not torch.equal(written.lm_head.weight, tiny_model(seed=3).lm_head.weight)


def test_talk_is_learned_from_the_private_chats_of_the_worlds_too() -> None:
    dialogues = list(invented_dialogues())
    said = {(world.is_chinese, passage.text) for world in read_worlds(without=(KEPT,)) for passage in world.passages if passage.chat}
    assert {dialogue.language for dialogue in dialogues} == {"zh", "en"}
    assert all(len(dialogue.turns) > 1 for dialogue in dialogues)
    assert {(dialogue.language == "zh", turn) for dialogue in dialogues for turn in dialogue.turns} <= said
    found = gather(dialogues)
    assert found.exchanges.keys() == {"worlds", "worlds_en"}
    assert min(map(len, found.exchanges.values())) > 500


def test_both_stages_run_from_the_command_line_and_leave_a_model_that_loads(corpora: Path, tmp_path: Path) -> None:
    common = ["--corpora", str(corpora), "--out", str(tmp_path / "out"), "--shape", "tiny"]
    train.main([*common, "--stage", "warmup", "--tokens", "3000"])
    train.main([*common, "--stage", "pointing", "--tokens", "3000", "--resume"])
    train.main([*common, "--stage", "main", "--tokens", "2000", "--batch-tokens", "500", "--export", str(tmp_path / "weights")])
    loaded = GlmForCausalLM.from_pretrained(tmp_path / "weights", local_files_only=True, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "weights", local_files_only=True)
    assert loaded.config.vocab_size == len(tokenizer)
    assert recall_habits(loaded.config.to_dict()) == RecallHabits(lines=train.LINES, quoted="each")
    probes = draw_probes(gather(read_dialogues(corpora)), size=3)
    assert 0 <= measure_reading(loaded.eval(), tokenizer, probes)["accuracy"] <= 1


@pytest.mark.parametrize(
    ("gold", "reply", "right"),
    [("黄山", "去了黄山 累死", True), ("3", "13", False), ("10月2号", "10月2日吧", True), ("Leo", "leo did", True)],
)
def test_an_answer_counts_when_the_reply_holds_it(gold: str, reply: str, right: bool) -> None:
    assert is_right(gold, reply) is right


def test_the_figures_tell_wrong_answers_from_needless_forgetting(corpus: Corpus) -> None:
    probes = draw_probes(corpus, size=30)
    forgetful = score_reading(probes, ["不记得了"] * 30)
    truthful = score_reading(probes, [probe.question.reply for probe in probes])
    assert (forgetful["accuracy"], forgetful["abstains"], forgetful["false_abstention"]) == (0, 1, 1)
    assert (truthful["accuracy"], truthful["abstains"], truthful["false_abstention"]) == (1, 1, 0)


def test_pointing_asks_for_the_line_that_shares_the_words() -> None:
    tokenizer, rng = tiny_tokenizer(), Random(5)
    item = pointing_item(Vocabulary(tokenizer), rng, lines=4, sentences=("周末去爬山", "晚上吃火锅", "雨伞丢了", "明天上班吗"))
    text = tokenizer.decode(item.ids)
    asked = text.split("<|user|>\n")[1:]
    lines = text.split("<|user|>")[0].splitlines()[1:]
    assert len(asked) == 16
    assert len(lines) == 4
    assert [number for number, weight in zip(item.ids, item.weights, strict=True) if weight] == [
        plain_ids(tokenizer, question.split("[")[1][0])[0] for question in asked
    ]
