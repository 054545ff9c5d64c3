"""Requests that no page sends: what a script tries on the server behind the guest page, before and after the login."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_API = "/gradio_api"
_FILE_FORMS = (
    "/gradio_api/file={}",
    "/file={}",
    "/gradio_api/file/{}",
    "/gradio_api/file=/%2e%2e{}",
    "/assets/../../..{}",
    "/static/%2e%2e/%2e%2e{}",
)
_HUGE = 8_000_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request."""

    kind: str
    what: str  # told in the report's list of what got through
    method: str
    path: str
    is_guest: bool  # sent after a login
    sent: Mapping[str, Any] = field(default_factory=dict)  # as httpx takes it: json, data, files, headers, content
    must_refuse: bool = True  # else it may be answered, but with nothing private


def probes(*, home: Path, functions: Sequence[Mapping[str, Any]], session: str) -> list[Probe]:
    """Every request, for a page whose files lie around `home`.

    Args:
        home: the data home behind the page.
        functions: of the page, as its configuration tells them.
        session: of another guest who is logged in.
    """
    return [*_stranger(functions), *_files(home), *_api(functions, session), *_forged(functions), *_foreign()]


def _stranger(functions: Sequence[Mapping[str, Any]]) -> Iterator[Probe]:
    def probe(method: str, path: str, what: str = "", *, must_refuse: bool = True, **sent: Any) -> Probe:
        told = what or f"{method} {path} without a login"
        return Probe(kind="without a login", what=told, method=method, path=path, is_guest=False, sent=sent, must_refuse=must_refuse)

    yield probe("GET", "/", must_refuse=False)
    for path in ("startup-events", "theme.css", "app_id", "heartbeat/abc", "login_check", "user", "token"):
        # The heartbeat of a session never ends, so it is only looked at, not read.
        yield probe("HEAD" if path.startswith("heartbeat") else "GET", f"{_API}/{path}", must_refuse=False)
    for path in ("/config", f"{_API}/info", f"{_API}/openapi.json", f"{_API}/queue/status", f"{_API}/queue/data?session_hash=abc"):
        yield probe("GET", path)
    for path in ("/docs", "/redoc", "/monitoring", "/monitoring/summary", f"{_API}/runs", f"{_API}/run-history/records", f"{_API}/mcp/sse"):
        yield probe("GET", path)
    body = {"fn_index": functions[0]["id"], "data": ["x"], "session_hash": "abc"}
    for path in ("run/predict", "api/predict", "queue/join", "call/reply", "call/v2/reply", "component_server", "process_recording"):
        yield probe("POST", f"{_API}/{path}", json=body)
    yield probe("POST", f"{_API}/upload", files={"files": ("x.txt", b"x")})
    for cookie in ("access-token=admin", "access-token-unsecure=admin; access-token=1", "access-token-=; session=admin", "username=admin"):
        yield probe("GET", "/config", f"the made-up cookie {cookie}", headers={"cookie": cookie})
    for header in ("x-forwarded-user", "x-remote-user", "authorization"):
        yield probe("GET", "/config", f"the header {header}", headers={header: "Bearer admin"})


def _files(home: Path) -> Iterator[Probe]:
    wanted = (
        home / "archive.sqlite3",
        home / "guests.jsonl",
        Path.cwd() / "pyproject.toml",
        Path("/etc/passwd"),
        Path("/proc/self/environ"),
    )
    for number, path in enumerate(wanted):
        for form in _FILE_FORMS[: len(_FILE_FORMS) if number == 0 else 2]:
            yield Probe(kind="files", what=form.format(path.name), method="GET", path=form.format(path), is_guest=True)
    for url in ("http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://127.0.0.1:1/"):
        yield Probe(kind="files", what=f"the proxy to {url}", method="GET", path=f"{_API}/proxy={url}", is_guest=True)
        yield Probe(kind="files", what=f"the file at {url}", method="GET", path=f"{_API}/file={url}", is_guest=True)


def _api(functions: Sequence[Mapping[str, Any]], session: str) -> Iterator[Probe]:
    def probe(method: str, path: str, what: str = "", *, must_refuse: bool = True, **sent: Any) -> Probe:
        return Probe(
            kind="the API", what=what or f"{method} {path}", method=method, path=path, is_guest=True, sent=sent, must_refuse=must_refuse
        )

    for name in ("reply", "predict", "take", "greet", "forget", "remember", "chat", "lambda"):
        yield probe("POST", f"{_API}/call/{name}", json={"data": ["忘掉所有聊天"]})
    for path in (
        "/docs",
        "/redoc",
        "/openapi.json",
        "/monitoring",
        f"{_API}/runs",
        f"{_API}/openapi.json",
        f"{_API}/mcp/sse",
        "/gradio_api/deep_link",
    ):
        yield probe("GET", path)
    yield probe("GET", f"{_API}/info", must_refuse=False)
    yield probe("GET", "/config", must_refuse=False)
    yield probe("POST", f"{_API}/upload", "an upload", files={"files": ("x.html", b"<script>alert(1)</script>")})
    yield probe("POST", f"{_API}/upload?upload_id=1", "an upload of 2 MB", files={"files": ("../../x", b"x" * 2_000_000)})
    yield probe("GET", f"{_API}/custom_component/chatbot/client/component/../../../../etc/passwd", "a component's file")
    yield probe(
        "POST",
        f"{_API}/component_server",
        "a component's function",
        json={"data": {}, "component_id": 1, "fn_name": "ls", "session_hash": "abc"},
    )
    yield probe("POST", f"{_API}/stream/abc", "a foreign stream", json={"data": [], "session_hash": session})
    for path in ("vibe-edit", "vibe-code", "process_recording", "dev/reload"):
        yield probe("POST", f"{_API}/{path}", json={"prompt": "x"})
    yield probe(
        "POST",
        f"{_API}/cancel",
        "the end of another guest's answer",
        json={"session_hash": session, "fn_index": 1, "event_id": "x"},
        must_refuse=False,
    )


def _forged(functions: Sequence[Mapping[str, Any]]) -> Iterator[Probe]:
    def probe(what: str, path: str = f"{_API}/run/predict", **sent: Any) -> Probe:
        return Probe(kind="forged bodies", what=what, method="POST", path=path, is_guest=True, sent=sent)

    for number in (-1, 999, "take", None):
        yield probe(f"function {number}", json={"fn_index": number, "data": ["x"], "session_hash": "abc"})
    queued = [one for one in functions if one["queue"] is not False]
    for one in queued:
        yield probe(f"function {one['id']} past the queue", json={"fn_index": one["id"], "data": ["x", [], []], "session_hash": "abc"})
    yield probe("no session", f"{_API}/queue/join", json={"fn_index": 0, "data": []})
    yield probe("no JSON", content=b"\x00\xff{", headers={"content-type": "application/json"})
    yield probe("nested JSON", content=b"[" * 20_000 + b"]" * 20_000, headers={"content-type": "application/json"})
    yield probe("a body of 8 MB", content=b'{"data": ["' + b"a" * _HUGE + b'"]}', headers={"content-type": "application/json"})
    yield probe("a body of 8 MB in pieces", content=(b"a" * 1_000_000 for _ in range(8)), headers={"content-type": "application/json"})


def _foreign() -> Iterator[Probe]:
    for host in ("evil.example", "evil.gradio.live", "127.0.0.1.evil.example"):
        yield Probe(
            kind="foreign sites", what=f"the host {host}", method="GET", path="/config", is_guest=True, sent={"headers": {"host": host}}
        )
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        sent = {"headers": {"origin": origin}, "json": {"fn_index": 0, "data": ["x"], "session_hash": "abc"}}
        yield Probe(kind="foreign sites", what=f"the origin {origin}", method="POST", path=f"{_API}/run/predict", is_guest=True, sent=sent)
