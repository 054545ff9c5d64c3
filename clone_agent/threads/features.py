"""A line and the lines that it may answer, as numbers.

A chat of n lines gives an array of shape (n, WINDOW, features): at [i, d] stands the pair of line i with line i - d; d = 0, the line with
itself, stands for beginning a thread. Chats are read as a whole, so what comes later counts too: whether somebody goes on to address
somebody is a strong sign. Nothing depends on a language but the shapes of `words.SHAPES`, which know Chinese and English.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clone_agent.threads.lines import Line, Names, Naming
from clone_agent.threads.words import SHAPES, overlap, shape, tokens

WINDOW = 100  # a line answers itself or one of the 99 before it
_NEAR = 8  # distances that have a feature each
# Before that many lines nobody counts as a stranger: everybody speaks for the first time where a chat begins, which says nothing.
_ACQUAINTED = 50
_NEVER, _USUAL, _USUAL_MINUTES = 999, 10, 5  # stand for the pause of somebody who has not spoken yet: a stranger, and the rest

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """n lines of s speakers as arrays. An index of -1 or n stands for "there is none"."""

    speaker: Ints  # (n,)
    minute: Floats  # (n,)
    naming: Floats  # (n, s): `Naming` of each speaker in each line
    addressed: Ints  # (n,): the speaker named most clearly
    before: Ints  # (n,): the speaker's line before
    after: Ints  # (n,): the speaker's line after
    last: Ints  # (n + 1, s): the last line of each speaker before a line
    spoken: Ints  # (n + 1, s): lines of each speaker before a line
    called: Ints  # (n + 1, s): lines that name each speaker before a line
    shapes: Floats  # (n, shapes)
    length: Floats  # (n,): log of the number of words
    notice: Floats  # (n,)
    shared: Floats  # (n, n): `words.overlap`


def read_chat(lines: Sequence[Line]) -> Chat:
    """Lines of one chat in time order as arrays. Memory grows with the square of the lines: give it some 1,500 at a time."""
    names = Names(lines)
    many, people = len(lines), len(names.speakers)
    speaker = np.array([names.speakers[line.speaker] for line in lines])
    naming = np.zeros((many, people), dtype=np.float32)
    for number, line in enumerate(lines):
        if not line.is_notice:
            for who, how in names.named(line).items():
                naming[number, who] = how
    addressed = np.where(naming.max(axis=1) > Naming.NOT, naming.argmax(axis=1), -1)
    before, after, last = _neighbours(speaker, people)
    is_speaker = np.eye(people, dtype=np.int64)[speaker]
    called = tokens(" ".join(line.name for line in lines))
    return Chat(
        speaker=speaker,
        minute=np.array([line.minute for line in lines], dtype=np.float32),
        naming=naming,
        addressed=addressed,
        before=before,
        after=after,
        last=last,
        spoken=_running(is_speaker),
        called=_running((naming >= Naming.PASSING).astype(np.int64)),
        shapes=np.array([shape(line.text) for line in lines], dtype=np.float32),
        length=np.log1p(np.array([len(tokens(line.text)) for line in lines], dtype=np.float32)),
        notice=np.array([line.is_notice for line in lines], dtype=np.float32),
        shared=overlap(["" if line.is_notice else line.text for line in lines], [called] * many),
    )


def _neighbours(speaker: Ints, people: int) -> tuple[Ints, Ints, Ints]:
    many = len(speaker)
    before, after = np.full(many, -1), np.full(many, many)
    last = np.full((many + 1, people), -1)
    for number, who in enumerate(speaker):
        before[number] = last[number, who]
        if before[number] >= 0:
            after[before[number]] = number
        last[number + 1] = last[number]
        last[number + 1, who] = number
    return before, after, last


def _running(flags: Ints) -> Ints:
    """Sums over the lines before each line: (n, s) to (n + 1, s)."""
    return np.concatenate([np.zeros((1, flags.shape[1]), dtype=np.int64), flags.cumsum(axis=0)])


class Columns:
    """Features by name, filled one after the other."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[Floats] = []

    def add(self, name: str, value: NDArray[Any]) -> None:
        """Add a feature; `value` has the shape (targets, WINDOW) or can be broadcast to it."""
        self.names.append(name)
        self.values.append(value.astype(np.float32))

    def stack(self, shape: tuple[int, int]) -> Floats:
        """All features as (targets, WINDOW, features)."""
        out = np.empty((*shape, len(self.values)), dtype=np.float32)
        for number, value in enumerate(self.values):
            out[..., number] = value
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The pairs of some lines with the lines before them; `i` has the shape (targets, 1), the others (targets, WINDOW)."""

    i: Ints
    j: Ints  # 0 where there is no such line
    distance: Ints
    exists: NDArray[np.bool_]


def pairs(targets: Ints) -> Pairs:
    """Each target with itself and the `WINDOW` - 1 lines before it."""
    i = targets[:, None]
    distance = np.broadcast_to(np.arange(WINDOW)[None, :], (len(targets), WINDOW))
    j = i - distance
    return Pairs(i=i, j=np.maximum(j, 0), distance=distance, exists=j >= 0)


def pair_columns(chat: Chat, p: Pairs) -> Columns:
    """What is known of pairs from the lines themselves."""
    columns = Columns()
    _place(chat, p, columns)
    _people(chat, p, columns)
    _calls(chat, p, columns)
    _later(chat, p, columns)
    _words(chat, p, columns)
    return columns


def _log(value: NDArray[Any]) -> Floats:
    logs: Floats = np.log1p(np.maximum(value, 0).astype(np.float32))
    return logs


def _place(chat: Chat, p: Pairs, columns: Columns) -> None:
    """How far apart two lines stand."""
    columns.add("is itself", p.distance == 0)
    columns.add("distance", _log(p.distance))
    for distance in range(1, _NEAR + 1):
        columns.add(f"distance {distance}", p.distance == distance)
    gap = chat.minute[p.i] - chat.minute[p.j]
    columns.add("minutes", _log(gap))
    columns.add("same minute", gap == 0)
    columns.add("long ago", gap > 10)
    pace = chat.minute[p.i] - chat.minute[np.maximum(p.i - 10, 0)]
    columns.add("pace", _log(pace))
    columns.add("notices between", _log(_between(np.cumsum(chat.notice), p)))


def _between(running: NDArray[Any], p: Pairs) -> NDArray[Any]:
    """How many of something lie strictly between j and i; `running` counts up to and with each line."""
    return np.where(p.distance > 0, running[np.maximum(p.i - 1, 0)] - running[p.j], 0)


def _people(chat: Chat, p: Pairs, columns: Columns) -> None:
    """Who speaks, and how often."""
    one, other = chat.speaker[p.i], chat.speaker[p.j]
    same = (one == other) & (p.distance > 0)
    columns.add("same speaker", same)
    columns.add("speaker's line before", (chat.before[p.i] == p.j) & (p.distance > 0))
    columns.add("other's last line", (chat.last[p.i, other] == p.j) & ~same)
    columns.add("other's lines between", _log(chat.spoken[p.i, other] - chat.spoken[p.j, other] - 1))
    columns.add("speaker's lines between", _log(chat.spoken[p.i, one] - chat.spoken[np.minimum(p.j + 1, p.i), one]))
    new, other_new = chat.before[p.i] < 0, chat.before[p.j] < 0
    seen, other_seen = p.i >= _ACQUAINTED, p.j >= _ACQUAINTED
    columns.add("speaker is new", new & seen)
    columns.add("other was new", other_new & other_seen)
    minutes = np.where(new, np.where(seen, _NEVER, _USUAL_MINUTES), chat.minute[p.i] - chat.minute[chat.before[p.i]])
    columns.add("speaker's pause in lines", _log(np.where(new, np.where(seen, _NEVER, _USUAL), p.i - chat.before[p.i])))
    columns.add("speaker's pause in minutes", _log(minutes))
    columns.add("other's pause in lines", _log(np.where(other_new, np.where(other_seen, _NEVER, _USUAL), p.j - chat.before[p.j])))
    columns.add("speaker's lines", _log(np.where(seen, chat.spoken[p.i, one], np.maximum(chat.spoken[p.i, one], _USUAL))))
    columns.add("other's lines", _log(np.where(seen, chat.spoken[p.i, other], np.maximum(chat.spoken[p.i, other], _USUAL))))
    changes = np.cumsum(np.concatenate([[0], chat.speaker[1:] != chat.speaker[:-1]]))
    columns.add("changes of speaker between", _log(changes[p.i] - changes[p.j]))
    columns.add("unbroken run", same & (changes[p.i] == changes[p.j]))
    columns.add("notice", chat.notice[p.i])
    columns.add("other is notice", chat.notice[p.j])


def _calls(chat: Chat, p: Pairs, columns: Columns) -> None:
    """Who names whom, now and before."""
    one, other = chat.speaker[p.i], chat.speaker[p.j]
    differ = one != other
    whom, whom_other = chat.addressed[p.i], chat.addressed[p.j]
    for how in Naming:
        if how is not Naming.NOT:
            columns.add(f"names other: {how.name}", (chat.naming[p.i, other] == how) & differ)
            columns.add(f"other names speaker: {how.name}", (chat.naming[p.j, one] == how) & differ)
    columns.add("names nobody", whom < 0)
    columns.add("names somebody else", (whom >= 0) & (whom != other))
    columns.add("calls somebody", chat.naming[p.i].max(axis=-1) >= Naming.FIRST)
    columns.add("other names nobody", whom_other < 0)
    columns.add("other names a third", (whom_other >= 0) & (whom_other != one))
    columns.add("both name one", (whom == whom_other) & (whom >= 0))
    columns.add("the named one's last line", (np.where(whom >= 0, chat.last[p.i, whom], -1) == p.j) & (whom >= 0))
    columns.add("the named one has spoken", np.where(whom >= 0, chat.spoken[p.i, whom], 0) > 0)
    whom_before, when_before = _last_addressee(chat)
    columns.add("speaker's last addressee", (whom_before[p.i] == other) & (p.distance > 0))
    columns.add("same addressee as before", (whom_before[p.i] == whom) & (whom >= 0))
    columns.add("speaker's last address in lines", _log(np.where(when_before[p.i] < 0, 999, p.i - when_before[p.i])))
    called_by, called_at = _last_caller(chat)
    columns.add("who named speaker last", (called_by[p.i] == other) & differ)
    columns.add("where speaker was named last", (called_at[p.i] == p.j) & (p.distance > 0))
    columns.add("unanswered call", (called_at[p.i] == p.j) & (called_at[p.i] > chat.before[p.i]) & (p.distance > 0))
    columns.add("somebody has called", called_at[p.i] > chat.before[p.i])
    columns.add("other is named between", _log(chat.called[p.i, other] - chat.called[np.minimum(p.j + 1, p.i), other]))
    columns.add("speaker is named between", _log(chat.called[p.i, one] - chat.called[np.minimum(p.j + 1, p.i), one]))
    often = _how_often(chat)
    columns.add("speaker names other, all told", _log(often[one, other]) * differ)
    columns.add("other names speaker, all told", _log(often[other, one]) * differ)
    columns.add("other's last addressee is speaker", (whom_before[p.j] == one) & differ)


def _last_addressee(chat: Chat) -> tuple[Ints, Ints]:
    """For each line, whom its speaker named last before it, and where: (n,) each, -1 for never."""
    whom, where = np.full(len(chat.speaker), -1), np.full(len(chat.speaker), -1)
    latest: dict[int, tuple[int, int]] = {}
    for number, who in enumerate(chat.speaker.tolist()):
        whom[number], where[number] = latest.get(who, (-1, -1))
        if chat.addressed[number] >= 0:
            latest[who] = (int(chat.addressed[number]), number)
    return whom, where


def _last_caller(chat: Chat) -> tuple[Ints, Ints]:
    """For each line, who named its speaker last before it, and where."""
    who, where = np.full(len(chat.speaker), -1), np.full(len(chat.speaker), -1)
    latest: dict[int, tuple[int, int]] = {}
    for number, speaker in enumerate(chat.speaker.tolist()):
        who[number], where[number] = latest.get(speaker, (-1, -1))
        for named in np.flatnonzero(chat.naming[number] >= Naming.PASSING).tolist():
            latest[named] = (speaker, number)
    return who, where


def _how_often(chat: Chat) -> Floats:
    """How often each speaker names each other one: (s, s)."""
    often = np.zeros((chat.naming.shape[1],) * 2, dtype=np.float32)
    np.add.at(often, chat.speaker, (chat.naming >= Naming.PASSING).astype(np.float32))
    return often


def _later(chat: Chat, p: Pairs, columns: Columns) -> None:
    """What comes after."""
    many = len(chat.speaker)
    one, other = chat.speaker[p.i], chat.speaker[p.j]
    next_own = chat.after[p.i]
    near = next_own - p.i < WINDOW
    known = np.minimum(next_own, many - 1)
    columns.add("speaker then names other", near & (next_own < many) & (chat.naming[known, other] >= Naming.PASSING))
    columns.add(
        "speaker then names somebody else", near & (next_own < many) & (chat.addressed[known] >= 0) & (chat.addressed[known] != other)
    )
    columns.add("speaker goes on at once", next_own == p.i + 1)
    others_next = _next_line(chat)[np.minimum(p.i + 1, many), other]
    close = (others_next < many) & (others_next - p.i < WINDOW) & (one != other)
    reply = np.minimum(others_next, many - 1)
    columns.add("other then names speaker", close & (chat.naming[reply, one] >= Naming.PASSING))
    columns.add("other then names a third", close & (chat.addressed[reply] >= 0) & (chat.addressed[reply] != one))
    columns.add("other speaks again in lines", _log(np.where(others_next < many, others_next - p.i, 999)))
    columns.add("other went on at once", (chat.after[p.j] == p.j + 1) & (p.distance > 1))
    columns.add("somebody names speaker soon", np.where(chat.called[np.minimum(p.i + 11, many), one] > chat.called[p.i + 1, one], 1, 0))


def _next_line(chat: Chat) -> Ints:
    """The first line of each speaker at or after each line: (n + 1, s), n for none."""
    many, people = len(chat.speaker), chat.naming.shape[1]
    out = np.full((many + 1, people), many)
    for number in range(many - 1, -1, -1):
        out[number] = out[number + 1]
        out[number, chat.speaker[number]] = number
    return out


def _words(chat: Chat, p: Pairs, columns: Columns) -> None:
    """What is said."""
    shared = chat.shared[p.i, p.j] * p.exists
    columns.add("shared words", shared)
    columns.add("most shared words", (shared >= shared.max(axis=1, keepdims=True)) & (shared > 0))
    columns.add("shared words of all before", _log(shared.sum(axis=1, keepdims=True)))
    around = shared.copy()
    line = p.j
    for _ in range(2):  # the other's two lines before
        line = np.where(line >= 0, chat.before[line], -1)
        around = np.maximum(around, np.where((line >= 0) & (p.i - line < WINDOW), chat.shared[p.i, np.maximum(line, 0)], 0))
    columns.add("shared words with other's lines", around)
    own = chat.before[p.i]
    columns.add("shared words of speaker's line before", np.where(own >= 0, chat.shared[np.maximum(own, 0), p.j], 0))
    columns.add("length", chat.length[p.i])
    columns.add("other's length", chat.length[p.j])
    for number, (name, _) in enumerate(SHAPES):
        columns.add(f"is {name}", chat.shapes[p.i, number])
        columns.add(f"other is {name}", chat.shapes[p.j, number])
    columns.add("line before is own", chat.speaker[p.i] == chat.speaker[np.maximum(p.i - 1, 0)])
    columns.add("line after other is question", chat.shapes[np.minimum(p.j + 1, p.i), 0])
