"""What a first guess at all links of a chat adds to each pair: threads, who takes part in them, which lines were answered already.

The first guess is soft: `likely[i, d]` is the probability that line i answers line i - d. Threads follow its best links; a line's thread
depends on earlier lines only.
"""

import numpy as np

from clone_agent.threads.features import WINDOW, Chat, Columns, Floats, Ints, Pairs


def structure_columns(chat: Chat, p: Pairs, likely: Floats) -> Columns:
    """Features of pairs from the first guess at a chat's links.

    Args:
        chat: n lines.
        p: the pairs wanted.
        likely: (n, WINDOW), rows add up to 1.
    """
    columns = Columns()
    links = _as_matrix(likely)
    parent = np.arange(len(likely)) - likely.argmax(axis=1)
    _guess(p, likely, columns)
    _answers(chat, p, links, columns)
    _threads(chat, p, parent, columns)
    return columns


def _as_matrix(likely: Floats) -> Floats:
    """(n, WINDOW) by distance to (n, n) by line."""
    many = len(likely)
    links = np.zeros((many, many), dtype=np.float32)
    i = np.arange(many)[:, None]
    j = i - np.arange(WINDOW)[None, :]
    exists = j >= 0
    links[np.broadcast_to(i, j.shape)[exists], j[exists]] = likely[exists]
    return links


def _guess(p: Pairs, likely: Floats, columns: Columns) -> None:
    own = likely[p.i[:, 0]]
    columns.add("guess", own)
    columns.add("log guess", np.log(own + 1e-6))
    columns.add("best guess", own >= own.max(axis=1, keepdims=True))
    columns.add("sure", own.max(axis=1, keepdims=True))
    columns.add("guess of itself", own[:, :1])
    columns.add("guesses nearer", own.cumsum(axis=1) - own)


def _answers(chat: Chat, p: Pairs, links: Floats, columns: Columns) -> None:
    """Which lines are answered, by whom."""
    many = len(links)
    one, other = chat.speaker[p.i], chat.speaker[p.j]
    replies = links.copy()
    np.fill_diagonal(replies, 0)
    answered = np.concatenate([np.zeros((1, many), dtype=np.float32), replies.cumsum(axis=0)])  # [k, j]: answers to j before line k
    columns.add("answered before", np.log1p(answered[p.i, p.j]))
    columns.add("answered after", np.log1p(np.maximum(answered[many, p.j] - answered[np.minimum(p.i + 1, many), p.j], 0)))
    is_speaker = np.eye(chat.naming.shape[1], dtype=np.float32)[chat.speaker]
    to_whom = replies @ is_speaker  # (n, s): whom each line answers
    columns.add("guess of other's lines", to_whom[p.i, other])
    columns.add("other answered speaker", to_whom[p.j, one] * (p.distance > 0))
    own = chat.before[p.i]
    columns.add("other answered speaker's line before", np.where(own >= 0, links[p.j, np.maximum(own, 0)], 0) * (own < p.j))
    columns.add("speaker's line before answered it", np.where(own >= 0, links[np.maximum(own, 0), p.j], 0) * (own > p.j))
    columns.add("speaker's line before answered other", np.where(own >= 0, to_whom[np.maximum(own, 0), other], 0))
    older = np.where(own >= 0, chat.before[np.maximum(own, 0)], -1)
    columns.add("speaker's older line answered it", np.where(older >= 0, links[np.maximum(older, 0), p.j], 0) * (older > p.j))
    follow = np.minimum(chat.after[p.i], many - 1)
    columns.add("speaker's next line answers it", np.where(chat.after[p.i] < many, links[follow, p.j], 0))
    columns.add("speaker's next line answers other", np.where(chat.after[p.i] < many, to_whom[follow, other], 0))
    others_next = np.minimum(chat.after[np.where(chat.last[p.i, other] >= 0, chat.last[p.i, other], 0)], many - 1)
    columns.add("other then answers this", links[others_next, p.i] * (others_next > p.i))
    columns.add("other then answers speaker", to_whom[others_next, one] * (others_next > p.i) * (one != other))


def _threads(chat: Chat, p: Pairs, parent: Ints, columns: Columns) -> None:
    """Which thread a line stands in, and who takes part."""
    many = len(parent)
    root = parent.copy()
    for number in range(many):
        root[number] = root[parent[number]] if parent[number] < number else number
    one = chat.speaker[p.i]
    thread = root[p.j]
    sizes = np.concatenate([np.zeros((1, many), dtype=np.int64), np.eye(many, dtype=np.int64)[root].cumsum(axis=0)])
    columns.add("thread's lines before", np.log1p(sizes[p.i, thread]))
    columns.add("thread's lines between", np.log1p(np.maximum(sizes[p.i, thread] - sizes[np.minimum(p.j + 1, p.i), thread], 0)))
    columns.add("thread's lines after", np.log1p(np.maximum(sizes[many, thread] - sizes[np.minimum(p.i + 1, many), thread], 0)))
    columns.add("other began the thread", (thread == p.j) & (p.distance > 0))
    columns.add("speaker began the thread", (chat.speaker[thread] == one) & (p.distance > 0))
    columns.add("thread's age", np.log1p((p.i - thread).astype(np.float32)))
    own = chat.before[p.i]
    columns.add("thread of speaker's line before", (own >= 0) & (root[np.maximum(own, 0)] == thread) & (p.distance > 0))
    older = np.where(own >= 0, chat.before[np.maximum(own, 0)], -1)
    columns.add("thread of speaker's line before that", (older >= 0) & (root[np.maximum(older, 0)] == thread) & (p.distance > 0))
    follow = np.minimum(chat.after[p.i], many - 1)
    columns.add("thread of speaker's next line", (chat.after[p.i] < many) & (root[follow] == thread))
    by_thread = np.zeros((many, chat.naming.shape[1]), dtype=np.int64)
    first = np.full((many, chat.naming.shape[1]), many)
    for number in range(many - 1, -1, -1):
        first[root[number], chat.speaker[number]] = number
    np.add.at(by_thread, (root, chat.speaker), 1)
    columns.add("speaker took part in the thread", (first[thread, one] < p.i) & (p.distance > 0))
    columns.add("speaker's lines in the thread", np.log1p(by_thread[thread, one] - (root[p.i] == thread)))
    columns.add("people in the thread", np.log1p((by_thread > 0).sum(axis=1))[thread])
