"""What stands between the network and the page: headers that forbid everything foreign, an origin check, a lock-out for wrong passwords.

The content security policy lets the page load nothing from anywhere else, whatever a message contains. Cross-site requests that change
something are refused, so is whatever the pages never ask for: Gradio also serves files, uploads, a proxy and more. `Lockout` knows a
client by the address that `Guard` saw; through a tunnel that is the one the relay appended.
"""

import hmac
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; frame-src 'none'; frame-ancestors 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)
_LOG = logging.getLogger(__name__)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
# Gradio's own scripts and fonts: without private data, and slow to fetch again through a tunnel.
_PUBLIC = ("/assets", "/static", "/svelte")
# Everything that the pages ask for besides (measured in the browser). Nothing else of Gradio's is served.
_PAGES = frozenset(("/", "/login", "/login/", "/logout", "/config", "/config/"))
_STILL = frozenset(("/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"))
_CALLS = frozenset(
    f"/gradio_api/{name}"
    for name in ("info", "startup-events", "theme.css", "login_check", "user", "token", "app_id", "run/predict", "queue/join", "queue/data")
) | {"/gradio_api/cancel", "/gradio_api/reset"}
_HEARTBEAT = "/gradio_api/heartbeat/"
LARGEST = 4_000_000  # bytes of a request: the page sends its log of at most 200 bubbles with each line
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWNER = "this machine"
_LOCAL_HOSTS = frozenset({b"127.0.0.1", b"localhost"})

client: ContextVar[str] = ContextVar("client", default=_OWNER)
"""Who sends the request that is being answered."""


class Guard:
    """ASGI middleware: adds the headers, refuses foreign origins, notes the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"")
        client.set(_client(scope, host))
        if scope.get("method") not in _SAFE_METHODS and _is_foreign(headers.get(b"origin"), host):
            await PlainTextResponse("cross-origin request refused", 403)(scope, receive, send)
            return
        is_public = scope["path"].startswith(_PUBLIC)
        has_begun, taken = False, 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST:
                raise _TooLargeError
            return message

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start":
                added = [pair for pair in _HEADERS if not (is_public and pair[0] == b"cache-control")]
                names = {name for name, _ in added}
                message["headers"] = [pair for pair in message.get("headers", []) if pair[0].lower() not in names] + added
            await send(message)

        try:
            if not is_public and not _is_served(scope["path"]):
                await PlainTextResponse("not found", 404)(scope, receive, send_guarded)
            elif _length(headers) > LARGEST:
                raise _TooLargeError
            else:
                await self._app(scope, receive_some, send_guarded)
        except _TooLargeError:
            if not has_begun:
                await PlainTextResponse("too large", 413)(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001 - Gradio's handlers answer their own errors; what is left is a call that makes no sense
            _LOG.warning("A request failed (%s)", type(error).__name__)  # its trace would hold what was sent
            if not has_begun:
                await PlainTextResponse("bad request", 400)(scope, receive, send_guarded)


class _TooLargeError(Exception):
    """A request is longer than anything that the page sends."""


class Lockout:
    """Checks the password, and stops listening to a client for a while after some wrong ones.

    Clients from elsewhere also share one budget, so that many addresses do not help. The owner comes through the local address: they are
    never locked out by others, and wait seconds, not minutes, after mistyping.

    Args:
        password: the right one, or what tells whether a user's password is right.
        tries: wrong passwords before a client has to wait.
        pause_s: how long a client from elsewhere waits.
        local_pause_s: how long somebody on this machine waits.
        budget: wrong passwords of all clients from elsewhere before all of them wait.
    """

    def __init__(
        self,
        password: str | Callable[[str, str], bool],
        *,
        tries: int = 5,
        pause_s: float = 300,
        local_pause_s: float = 10,
        budget: int = 30,
    ) -> None:
        self._password = password
        self._tries = tries
        self._pause_s = pause_s
        self._local_pause_s = local_pause_s
        self._budget = budget
        self._failures: dict[str, deque[float]] = {}
        self._guard = threading.Lock()

    def __call__(self, user: str, password: str) -> bool:
        """Whether the password is right and the client may still try. The user name does not matter to a single password."""
        who, now = client.get(), time.monotonic()
        with self._guard:
            self._forget_old(now)
            mine = self._failures.get(who, ())
            others = sum(len(times) for name, times in self._failures.items() if name != _OWNER)
            if len(mine) >= self._tries or (who != _OWNER and others >= self._budget):
                return False
            if self._is_right(user, password):
                self._failures.pop(who, None)
                return True
            self._failures.setdefault(who, deque()).append(now)
            return False

    def _is_right(self, user: str, password: str) -> bool:
        if callable(self._password):
            return self._password(user, password)
        return hmac.compare_digest(password.encode(), self._password.encode())

    def _forget_old(self, now: float) -> None:
        for who in list(self._failures):
            times, pause = self._failures[who], self._local_pause_s if who == _OWNER else self._pause_s
            while times and times[0] < now - pause:
                times.popleft()
            if not times:
                del self._failures[who]


def _is_served(path: str) -> bool:
    return path in _PAGES | _STILL | _CALLS or (path.startswith(_HEARTBEAT) and "/" not in path.removeprefix(_HEARTBEAT))


def _length(headers: dict[bytes, bytes]) -> int:
    """What a request says of its length; what it does not say is counted."""
    told = headers.get(b"content-length", b"0")
    return int(told) if told.isdigit() else 0


def _client(scope: Scope, host: bytes) -> str:
    if host.rpartition(b":")[0] in _LOCAL_HOSTS or host in _LOCAL_HOSTS:
        return _OWNER
    # Behind the relay uvicorn has replaced the peer by the last address of X-Forwarded-For, the one that a client cannot choose.
    peer = scope.get("client")
    return str(peer[0]) if peer else "unknown"


def _is_foreign(origin: bytes | None, host: bytes) -> bool:
    return origin is not None and origin.split(b"//")[-1] != host
