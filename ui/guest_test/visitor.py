"""A visitor of the guest page over plain HTTP, as a script would be one: logs in, asks, and sees every byte that comes back."""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

_PREFIX = "/gradio_api"
_TIMEOUT_S = 300


class Visitor:
    """One browser session; `close` it at the end.

    Args:
        url: of the page.
        headers: sent with every request.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=_TIMEOUT_S, headers=dict(headers or {}))
        self._functions: list[dict[str, Any]] = []
        self.begin()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def begin(self) -> None:
        """Begin a new talk, as the page does when it is loaded."""
        self.session = secrets.token_hex(6)

    def log_in(self, name: str, password: str) -> int:
        """The status of the login."""
        return self.client.post("/login", data={"username": name, "password": password}).status_code

    def say(self, line: str, *options: Any) -> list[Any]:
        """Say a line as the page's own script does, with what the page lets choose; every piece that the server sends in answer."""
        take, follow = self._wired()
        taken = self._post("run/predict", take, [line, "", *options])
        return [_json(taken), *self.call(follow, [None])]

    def call(self, function: int, values: list[Any]) -> list[Any]:
        """Call one of the page's functions through the queue; every piece that comes back."""
        joined = self._post("queue/join", function, values)
        if joined.status_code >= 400:
            return [_json(joined)]
        return list(self._events())

    @property
    def functions(self) -> list[dict[str, Any]]:
        """The page's functions as its configuration tells them to whoever is logged in."""
        if not self._functions:
            self._functions = self.client.get("/config").json()["dependencies"]
        return self._functions

    def _wired(self) -> tuple[int, int]:
        """The functions that take a line, and that tell what becomes of it: a click's, and the one that follows it."""
        take = next(one["id"] for one in self.functions if any(event == "click" for _, event in one["targets"]))
        return take, next(one["id"] for one in self.functions if one["trigger_after"] == take)

    def _post(self, path: str, function: int, values: list[Any]) -> httpx.Response:
        body = {"fn_index": function, "data": values, "session_hash": self.session, "event_data": None, "trigger_id": None}
        # Escaped, so that lone surrogates can be sent as a script may send them.
        return self.client.post(f"{_PREFIX}/{path}", content=json.dumps(body), headers={"content-type": "application/json"})

    def _events(self) -> Iterator[Any]:
        with self.client.stream("GET", f"{_PREFIX}/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:] or "{}")
                    yield message
                    if message.get("msg") in ("close_stream", "process_completed", "unexpected_error"):
                        return


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text
