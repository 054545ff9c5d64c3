"""Talks that a reload of the page shows again.

The server keeps them in its memory, by a random number that each tab of a browser holds for itself (`sessionStorage`, which ends with the
tab): nothing of what was said is stored in the browser or on the disk, and another tab, browser or visitor sees none of it.
"""

import threading
import time
from collections import OrderedDict

from ui.web.talk import Talk

MOST = 50
LASTS_S = 24 * 3600
# The number of the tab, drawn when it first loads the page. `getRandomValues` is there on any address, `randomUUID` is not.
TAB = """() => {
  let tab = sessionStorage.getItem("clone-agent-tab");
  if (!tab) {
    tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("clone-agent-tab", tab);
  }
  return [tab];
}"""
_SHORTEST = 32  # characters of a number that cannot be guessed


class Resumable:
    """The last talk of each tab; the oldest goes when there are too many."""

    def __init__(self, *, most: int = MOST, lasts_s: float = LASTS_S) -> None:
        self._most, self._lasts_s = most, lasts_s
        self._talks: OrderedDict[str, tuple[float, Talk]] = OrderedDict()
        self._guard = threading.Lock()

    def keep(self, tab: str, talk: Talk) -> None:
        """Keep how a tab's talk stands; a talk without anything in it is dropped."""
        with self._guard:
            self._talks.pop(tab, None)
            if talk.shown and len(tab) >= _SHORTEST:
                self._talks[tab] = (time.monotonic(), talk)
            while len(self._talks) > self._most:
                self._talks.popitem(last=False)

    def find(self, tab: str) -> Talk:
        """How a tab's talk stood; an empty one where there is none, or none of late."""
        with self._guard:
            kept_at, talk = self._talks.get(tab, (0.0, Talk()))
            return talk.without_waiting() if time.monotonic() - kept_at < self._lasts_s else Talk()
