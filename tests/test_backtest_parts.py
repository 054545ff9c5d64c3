"""The parts of the backtest and of the leak test: replies in batches, matching, hands, style, copies, canaries, reports."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
import tiny_glm
import torch

from clone_agent.archive import Archive
from clone_agent.errors import DatasetError
from clone_agent.importers import find_exports, read_export
from clone_agent.records import ChatTurn, Message
from clone_agent.sample_life.build import EXPORTS
from clone_agent.scrub import scrub
from finetune.authorship import OWNER, Attributor
from finetune.canaries import draw_canaries, plant
from finetune.chat_format import chat_format
from finetune.copies import CopyIndex
from finetune.encode import encode, fit_prompt
from finetune.examples import Example
from finetune.generate import Sampling, reply_text
from finetune.glm import LoadedModel
from finetune.leak import exposures, leakage
from finetune.loss import mean_loss
from finetune.matching import blocks, match_scores, matches
from finetune.replies import write_replies
from finetune.style import style, style_distance
from memory.embed import load_embedder
from ui.backtest.figures import Measure, writings
from ui.backtest.forecast import Forecast, Planned
from ui.backtest.intervals import of_mean, of_share
from ui.backtest.kept import Kept
from ui.backtest.past import copy_archive, cut_before
from ui.backtest.prompts import Prompts
from ui.backtest.verdicts import verdicts
from ui.backtest.voices import Part, Work, measure
from ui.questions import Question
from ui.report.charts import Bars, Chart
from ui.report.document import Document, Heading, Points, Table
from ui.report.writing import to_html, to_markdown, write_report

PROMPTS = ["dinner at seven?", "see you", "到黄山了", "hello there, hello there, see you at the station"]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    tokenizer = tiny_glm.tokenizer()
    return LoadedModel(name="tiny", fingerprint="0", model=tiny_glm.model(), tokenizer=tokenizer, format=chat_format(tokenizer))


def talks() -> dict[int, tuple[ChatTurn, ...]]:
    return {number: (ChatTurn(role="user", text=text),) for number, text in enumerate(PROMPTS)}


def test_replies_written_together_are_those_written_alone(loaded):
    how = Sampling(temperature=0, max_new_tokens=12)
    together = {written.index: written.text for written in write_replies(loaded, talks(), how)}
    for number, talk in talks().items():
        prompt = fit_prompt(talk, loaded.format, max_tokens=200)
        assert together[number] == reply_text(loaded.model, loaded.tokenizer, prompt, loaded.format.stop_ids, how)


def test_a_drawn_reply_does_not_depend_on_what_is_written_beside_it(loaded):
    how = Sampling(seed=3, max_new_tokens=8)
    everything = {written.index: written.text for written in write_replies(loaded, talks(), how)}
    alone = {written.index: written.text for number in talks() for written in write_replies(loaded, {number: talks()[number]}, how)}
    assert everything == alone


def test_match_scores_are_the_log_probabilities_of_whole_replies(loaded):
    replies = ["see you", "到黄山了 腿都断了"]
    scores = match_scores(loaded, list(talks().values()), replies)
    assert scores.shape == (len(PROMPTS), 2)
    prompt, target = loaded.format.prompt_ids(talks()[2]), loaded.format.response_ids(replies[1])
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([prompt + target])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert float(scores[2, 1]) == pytest.approx(float(logits[range(len(target)), target].sum()), abs=1e-3)


def test_what_opens_a_reply_is_read_but_bears_no_probability(loaded):
    opened = match_scores(loaded, list(talks().values()), ["see you", "到黄山了"], openings=["[0] ", "[0] "])
    prompt, target = loaded.format.prompt_ids(talks()[2]), loaded.format.response_ids("[0] 到黄山了")
    start = len(target) - len(loaded.format.response_ids("到黄山了"))
    assert start > 0
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([prompt + target])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert float(opened[2, 1]) == pytest.approx(float(logits[range(start, len(target)), target[start:]].sum()), abs=1e-3)


def hidden(number, context, response):
    return Example(
        id=str(number),
        conversation="c",
        session="s",
        sent_at=datetime(2024, 1, 1, tzinfo=UTC),
        system="",
        context=context,
        response=response,
    )


def test_the_scores_of_hidden_replies_give_their_losses_and_which_were_told_apart(loaded, tmp_path):
    examples = [hidden(n, talks()[n % 4], f"see you {n}") for n in range(12)]
    prompts = [Prompts(plain=tuple(one.turns()), remembering=()) for one in examples]
    part = measure(
        Kept(tmp_path / "kept", {}),
        "base",
        lambda: loaded,
        Work(examples=examples, prompts=prompts, questions=[]),
        use_memory=False,
        advance=lambda more: None,
    )
    assert [one is None for one in part.matched] == [False] * 10 + [True] * 2
    for example, (loss, tokens) in zip(examples, part.losses, strict=True):
        whole = encode(example, loaded.format, max_length=loaded.max_tokens)
        assert tokens == whole.targets
        assert loss == pytest.approx(mean_loss(loaded.model, [whole], max_tokens=500, autocast=nullcontext()), abs=1e-4)


def test_a_reply_that_rises_after_its_own_prompt_is_matched_however_unlikely_it_is():
    assert matches(torch.tensor([[-90.0, -10.0], [-99.0, -9.0]])) == [True, True]
    assert list(blocks(25)) == [[0, 2, 4, 6, 8, 10, 12, 14, 16, 18], [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]]


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    with Archive.open(tmp_path_factory.mktemp("life"), create=True) as archive:
        for path in find_exports(EXPORTS):
            if isinstance(path, Path):
                archive.add(read_export(path, timezone=ZoneInfo("Asia/Shanghai")), source=path.name)
        archive.set_owner(person.id for person in archive.people() if person.is_owner or {"林晚", "晚风"} & set(person.names))
        yield archive


def test_the_classifier_knows_the_owners_hand_in_weeks_it_has_not_seen(life, tmp_path):
    from clone_agent.home import DataHome

    cut = cut_before(life, 8)
    copy_archive(life, DataHome(tmp_path), until=cut, advance=lambda *_: None)
    with Archive.open(tmp_path) as past:
        before, everything = writings(past), writings(life)
        assert all(message.sent_at < cut for info in past.conversations() for message in past.messages(info.conversation.id))
        assert past.owner_ids() <= life.owner_ids()
    later = {writer: messages[len(before.get(writer, ())) :] for writer, messages in everything.items()}
    attributor = Attributor(before)
    own = attributor.attribute(later[OWNER])
    taken = [attributor.attribute(messages) for writer, messages in later.items() if writer != OWNER]
    assert own.share is not None
    assert own.share >= 0.9
    assert sum(one.owner for one in taken) <= 0.35 * sum(one.bundles for one in taken)


def test_a_hand_is_not_learned_from_too_little():
    with pytest.raises(DatasetError, match="50 messages"):
        Attributor({OWNER: ["在吗"] * 60, "b": ["好"] * 10})


def test_hiding_more_than_a_third_of_the_chats_is_refused(life):
    with pytest.raises(DatasetError, match="leaves too little"):
        cut_before(life, 60)


def test_style_is_told_in_lengths_bubbles_marks_and_emoji():
    ours, theirs = ["好。。。\n走吧", "嗯[捂脸]"], ["好！", "嗯😂😂"]
    assert style(ours).mean_length == pytest.approx((6 + 5) / 2)
    assert style(ours).mean_bubbles == 1.5
    same, other = style_distance(ours, ours), style_distance(ours, theirs)
    assert (same.length, same.bubbles, same.punctuation, same.emoji) == (0, 0, 0, 0)
    assert other.punctuation > 0
    assert other.emoji > 0
    assert other.bubbles == 0.5


def test_copies_are_runs_of_eight_and_the_longest_is_told():
    index = CopyIndex(["昨天我们在西湖边上走了一整天", "短"])
    found = index.copying(["我们在西湖边上走了一整天 哈哈", "完全不一样的话说了很多遍呢"])
    assert found.longest == 12
    assert found.copied == 5
    assert index.copying(["短"]).share is None


def test_canaries_differ_survive_masking_and_are_said_as_often_as_they_say():
    for language in ("zh", "en"):
        canaries = draw_canaries(language, each=20)
        assert len({canary.carrier for canary in canaries}) == len(canaries) == 120
        assert not any(scrub(text).found for one in canaries for text in (one.told, one.question, f"{one.carrier}{one.secret}"))
    first, last = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    said = [record.text for record in plant(canaries, first=first, last=last) if isinstance(record, Message)]
    for canary in canaries:
        assert sum(canary.carrier in text and canary.secret in text for text in said) == canary.repeats
        assert canary.secret not in canary.others(50)


def test_a_model_that_learned_a_secret_exposes_it_and_one_that_did_not_does_not(loaded):
    canaries = draw_canaries("en", each=2, repeats=(1,))
    known = canaries[0]
    prompt = [ChatTurn(role="system", text="s"), ChatTurn(role="user", text=known.question)]
    ids = loaded.format.prompt_ids(prompt) + loaded.format.response_ids(f"{known.carrier}{known.secret}")
    model = tiny_glm.model(seed=1).train()
    optimizer, batch = torch.optim.AdamW(model.parameters(), lr=1e-2), torch.tensor([ids])
    loss = torch.tensor(9.0)
    while loss.item() > 0.02:
        optimizer.zero_grad()
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
    tuned = LoadedModel(name="tuned", fingerprint="1", model=model.eval(), tokenizer=loaded.tokenizer, format=loaded.format)
    found = list(exposures(tuned, canaries, "s", alternatives=31))
    assert found[0].asked == pytest.approx(5.0)
    assert [one.is_extracted for one in found] == [True, False, False, False]
    own, others = leakage(found)
    assert (own.is_owners, own.canaries, own.extracted) == (True, 2, 1)
    assert others.extracted == 0


def test_what_the_first_voices_took_puts_right_how_long_the_others_will_take() -> None:
    planned = {
        name: Planned(tuning=tuning, looking=2.0) for name, tuning in (("base", 0.0), ("lora", 4.0), ("full", 6.0), ("unipelt", 6.0))
    }
    forecast = Forecast(planned)
    assert forecast.total == 24
    assert forecast.finished("base", 0.1, is_whole=False) == 22, "most of it was there before, which tells nothing"
    assert forecast.finished("lora", 9.0, is_whole=True) == 16 * 1.5
    assert forecast.finished("full", 9.0, is_whole=True) == pytest.approx(8 * 18 / 14)
    assert forecast.finished("unipelt", 8.0, is_whole=True) == 0


def test_what_is_kept_survives_a_cut_line_and_another_run_begins_anew(tmp_path):
    kept = Kept(tmp_path / "work", {"seed": 1})
    with pytest.raises(KeyboardInterrupt):
        kept.rows("a", 3, interrupted)
    with (tmp_path / "work" / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('[1, "cu')
    again = Kept(tmp_path / "work", {"seed": 1})
    asked: list[int] = []
    assert again.rows("a", 3, lambda todo: (asked.append(number) or (number, f"new {number}") for number in todo)) == [
        "x",
        "new 1",
        "new 2",
    ]
    assert asked == [1, 2]
    assert Kept(tmp_path / "work", {"seed": 2}).rows("a", 1, lambda todo: [(0, "anew")]) == ["anew"]


def test_what_is_kept_survives_a_cut_within_a_character(tmp_path):
    Kept(tmp_path / "work", {}).rows("a", 2, lambda todo: [(number, "好的") for number in todo])
    path = tmp_path / "work" / "a.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    asked: list[int] = []
    assert Kept(tmp_path / "work", {}).rows("a", 2, lambda todo: (asked.append(number) or (number, "再来") for number in todo)) == [
        "好的",
        "再来",
    ]
    assert asked == [1]


def test_a_reply_with_any_line_end_of_unicode_is_kept(tmp_path):
    said = Kept(tmp_path / "work", {}).rows("a", 1, lambda todo: [(0, "好\u2028的")])
    assert Kept(tmp_path / "work", {}).rows("a", 1, lambda todo: [(0, "asked again")]) == said == ["好\u2028的"]


def interrupted(todo):
    yield todo[0], "x"
    raise KeyboardInterrupt


def test_a_number_in_an_answer_is_not_part_of_a_longer_one():
    question = Question(text="几点", accept=(("19",),))
    assert question.is_right("19点吧")
    assert not question.is_right("2019年")


def test_numbers_of_two_lines_of_an_answer_do_not_run_into_one():
    question = Question(text="多大岁数", accept=(("85", "八十五"),))
    assert question.is_right("85\n1号给她过寿")
    assert question.is_right("是8 5")  # blanks within a line do not count
    assert not question.is_right("185")


def test_a_report_is_escaped_and_its_charts_are_whole(tmp_path):
    chart = Chart("c", "A < B", ("without", "with"), [Bars("<lora>", [(0.5, "50 %"), (None, "–")])], [(0.9, "ceiling")], 1)
    table = Table(("voice", "loss"), [("<b>a|b</b>\nc", "1.0")])
    document = Document(title="T & U", blocks=[Heading("H"), Points(["Short: 1 * 2"]), table, chart])
    page, text = to_html(document), to_markdown(document, charts="r")
    assert "<b>a|b" not in page
    assert "&lt;b&gt;a|b&lt;/b&gt;<br>c" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert r"\<b\>a\|b" in text
    assert "- **Short**: 1 \\* 2" in text
    root = ElementTree.fromstring(chart.svg())
    assert "prefers-color-scheme:dark" in "".join(root.itertext())
    written = write_report(document, tmp_path, "r")
    assert [path.name for path in written] == ["r.md", "r.html"]
    assert (tmp_path / "r" / "c.svg").is_file()


def test_intervals_shrink_with_what_was_drawn_and_hold_the_figure():
    few, many = of_share([1.0, 0.0, 0.0, 1.0]), of_share([1.0, 0.0, 0.0, 1.0] * 25)
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert of_mean([1.0, 3.0]) == pytest.approx((2 - 1.96, 2 + 1.96))
    assert of_mean([1.0]) is None
    assert of_share([]) is None


def test_a_reply_that_repeats_its_prompt_is_not_to_the_point(life):
    owner = [text for text in writings(life)[OWNER] if len(text) > 9]
    examples = [hidden(n, (ChatTurn(role="user", text=owner[n]),), f"好{n}") for n in range(10)]
    measuring = Measure(
        past=life,
        trained_on=owner,
        examples=examples,
        prompts=[
            Prompts(plain=one.context, remembering=(ChatTurn(role="system", text="[1] 小明：今天去西湖边上走走"), *one.context))
            for one in examples
        ],
        in_groups=[False] * 10,
        questions=[],
        embedder=load_embedder(None),
    )
    part = Part(use_memory=False, losses=[(1.0, 1)] * 10, replies=list(owner[:10]), matched=[None] * 10, answers=[])
    echo = measuring.of("base", part)
    assert (echo.repeated, echo.to_the_point) == (1.0, 0.0)
    recalled = replace(part, replies=["今天去西湖边上走走"] * 10)
    assert measuring.of("base", recalled).repeated == 0
    assert measuring.of("base + memory", replace(recalled, use_memory=True)).repeated == 1
    assert echo.intervals["mean_length"][0] < echo.style.mean_length < echo.intervals["mean_length"][1]
    assert verdicts([measuring.real()[0], echo])[0].states == {"base": "overdone"}, "four times as long as the owner's"
