"""The main stage's food: reading, chat and copying tasks as token ids, in batches of like length."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerFast

from clone_agent.prompt import cite, split_citation
from clone_agent.records import ChatTurn
from finetune.base_model.copying import Vocabulary, copy_item, lookup_item, pointing_item, record_item
from finetune.base_model.items import Item
from finetune.base_model.loop import Progress
from finetune.base_model.reading import Level, ReadingTask, draw_frame, draw_reading
from finetune.base_model.small_talk import ChatTask, Corpus, draw_chat, draw_talk
from finetune.chat_format import chat_format
from finetune.chat_ids import plain_ids

POINTER, COPIED, QUOTED = 4.0, 2.0, 0.4  # weights of the number of the line to be found, the first word after it, the rest of a quotation
START = ("[gMASK]", "<sop>")  # before the first turn
TALK = 0.5  # weight of the turns before a reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Shares of the tasks and how they grow harder."""

    chat: float = 0.45
    copying: float = 0.08
    english: float = 0.1
    first_lines: int = 3
    most_lines: int = 6
    after_talk: float = 0.35  # share of blocks with one question that come after some small talk
    full_at: int = 6_000_000  # tokens after which blocks have up to `most_lines` lines
    varied_at: int = 1_500_000  # tokens after which every scene is in use
    context: int = 720  # longer items are left out
    batch_tokens: int = 2_400
    group: int = 12  # batches drawn and sorted by length together


class Mixture:
    """Batches of the main stage; the same step always gives the same batch."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, recipe: Recipe, *, seed: int = 0) -> None:
        self._format = chat_format(tokenizer)
        self._tokenizer = tokenizer
        self._vocabulary = Vocabulary(tokenizer, size=len(tokenizer))
        self._corpus, self.recipe, self._seed = corpus, recipe, seed
        self.pad = tokenizer.pad_token_id or 0
        self._group: tuple[int, list[list[Item]]] = (-1, [])

    def batch(self, progress: Progress) -> Sequence[Item]:
        """The batch of a step."""
        number, index = divmod(progress.step, self.recipe.group)
        if self._group[0] != number:
            self._group = (number, self.group(number))
        return self._group[1][index]

    def group(self, number: int) -> list[list[Item]]:
        """So many batches, drawn and sorted by length together."""
        rng = Random(f"{self._seed} main {number}")
        recipe = self.recipe
        done = number * recipe.group * recipe.batch_tokens  # by the number alone, so that a resumed run agrees
        grown, spread = min(1.0, done / recipe.full_at), min(1.0, done / recipe.varied_at)
        level = Level(
            most_lines=round(recipe.first_lines + grown * (recipe.most_lines - recipe.first_lines)),
            fewest_questions=2 if grown < 0.5 else 1,
            most_questions=6 if grown < 0.5 else 4,
            variety=6 + round(60 * spread),
            noise=0.1 + 0.25 * grown,
            absent=0.15 if grown > 0.3 else 0.0,
        )
        items: list[Item] = []
        room = self.recipe.batch_tokens * self.recipe.group
        while room > 0:
            item = self._draw(rng, level)
            if len(item.ids) <= self.recipe.context:
                items.append(item)
                room -= len(item.ids)
        batches = _slices(sorted(items, key=lambda item: len(item.ids)), self.recipe.group)
        rng.shuffle(batches)
        return batches

    def _draw(self, rng: Random, level: Level) -> Item:
        language = "en" if rng.random() < self.recipe.english else "zh"
        form = rng.random()
        if form < self.recipe.copying:
            return self._draw_copying(rng, level.most_lines)
        if form < self.recipe.copying + self.recipe.chat:
            return self.chat_item(draw_chat(rng, self._corpus, language=language))
        task = draw_reading(rng, level, language=language, said=self._corpus.said(language))
        is_later = len(task.questions) == 1 and rng.random() < self.recipe.after_talk
        return self.reading_item(task, history=draw_talk(rng, self._corpus, language=language) if is_later else ())

    def _draw_copying(self, rng: Random, most_lines: int) -> Item:
        form = rng.random()
        if form < 0.2:
            return copy_item(self._vocabulary, rng)
        if form < 0.3:
            return lookup_item(self._vocabulary, rng, lines=rng.randint(2, 10))
        if form < 0.4:
            return record_item(self._vocabulary, rng, lines=rng.choice((1, rng.randint(2, 4))))
        lines, sentences = rng.randint(2, most_lines), self._corpus.sentences["zh"]
        return pointing_item(self._vocabulary, rng, lines=lines, sentences=sentences, frame=draw_frame(rng))

    def chat_item(self, task: ChatTask) -> Item:
        """A talk with loss on every turn, so that the model learns how people write; less on the turns before the reply."""
        known, reply = self._format.prompt_ids(task.turns), self._format.response_ids(task.reply)
        weights = [0.0] * len(known)
        place = len(START)
        for turn in task.turns:
            place += 2  # the role's mark and a line break
            end = place + len(plain_ids(self._tokenizer, turn.text))
            match turn.role:
                case "user":
                    weights[place:end] = [TALK] * (end - place)
                case "assistant":
                    weights[place : end + 1] = [1.0] * (end + 1 - place)  # with the mark that ends it
            place = end
        return Item(kind="chat", ids=known + reply, weights=weights + [1.0] * len(reply))

    def reading_item(self, task: ReadingTask, *, history: Sequence[ChatTurn] = ()) -> Item:
        """Questions one after the other in one talk, with loss on every reply and its stop token; none on the talk before."""
        ids: list[int] = []
        weights: list[float] = []
        turns = [ChatTurn(role="system", text=task.system), *history]
        for question in task.questions:
            known = self._format.prompt_ids([*turns, ChatTurn(role="user", text=question.text)])
            ids, weights = known, weights + [0.0] * (len(known) - len(weights))
            reply = self._format.response_ids(question.reply)
            weights = weights + self._weights(question.reply, len(reply))
            ids = ids + reply
            turns += [ChatTurn(role="user", text=question.text), ChatTurn(role="assistant", text=question.reply)]
        return Item(kind="reading" if task.language == "zh" else "reading_en", ids=ids, weights=weights)

    def _weights(self, reply: str, length: int) -> list[float]:
        """1 a token where nothing is quoted; else more on the number of the line, and less on its words, which are copied anyway."""
        number, _ = split_citation(reply)
        if number is None:
            return [1.0] * length
        cited = len(plain_ids(self._tokenizer, cite(number, "")))
        weights = [QUOTED if number else 1.0] * length
        weights[0] = 0.2  # the bracket, which is always there
        weights[1 : cited - 2] = [POINTER] * (cited - 3)
        weights[cited] = COPIED
        weights[-1] = 1.0  # the stop token
        return weights


def _slices(items: Sequence[Item], count: int) -> list[list[Item]]:
    """Cut a list into `count` runs of about as many tokens."""
    total = sum(len(item.ids) for item in items)
    runs: list[list[Item]] = [[] for _ in range(count)]
    seen = 0
    for item in items:
        runs[min(count - 1, seen * count // total)].append(item)
        seen += len(item.ids)
    return [run for run in runs if run] + [list(items[-1:]) for run in runs if not run]
