"""Serving the page on this machine, hardened; and, when asked, a public link to the very same page.

Every switch below was measured (ui/web/README.md). The link is made by opening Gradio's tunnel to the page that already runs:
`launch(share=True)` would serve another page, whose script comes from somebody else's server, and would fail in silence without a network.
"""

import contextlib
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import networking
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from clone_agent.errors import CloneError
from clone_agent.storage import storage_error
from ui.web.guard import Guard, Lockout
from ui.web.look import STYLE_SHEET, theme
from ui.web.loops import in_an_event_loop
from ui.web.parts import labels_for_browser
from ui.web.texts import say

_HOSTS = ["127.0.0.1", "localhost"]
_RELAY_HOSTS = ["*.gradio.live"]
_SESSIONS = 50
# What Gradio would otherwise show, log, run or hand out.
_HARDENED: dict[str, Any] = {
    "share": False,
    "quiet": True,
    "show_error": False,
    "run_history": False,
    "footer_links": [],
    "enable_monitoring": False,
    "max_file_size": "1mb",
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
    "strict_cors": True,
    "state_session_capacity": _SESSIONS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page that is being served."""

    url: str
    share_url: str | None
    wait: Callable[[], None]
    wait_until: Callable[[datetime], None]  # or shorter, where the page ends by itself
    close: Callable[[], None]


@in_an_event_loop
def serve(
    page: gr.Blocks,
    *,
    home: Path,
    port: int | None,
    password: str | Callable[[str, str], bool] | None,
    share: bool = False,
    welcome: str = "login",
) -> Served:
    """Serve the page on 127.0.0.1 and return at once.

    Args:
        page: from `build_page`.
        home: the data home; nothing in it is ever handed out as a file.
        port: None: the first free one from 7860 on.
        password: asked from every visitor, or what tells whether a user's password is right; None: nobody is asked.
        share: make a public link too; needs a password. `Served.share_url` is None when the tunnel could not be opened.
        welcome: a text of `texts`, on the login page.

    Raises:
        CloneError: the port is taken, or the disk failed.
    """
    assert password or not share, "a public link needs a password"
    page.queue(max_size=8, api_open=False, default_concurrency_limit=1)
    try:
        _, url, _ = page.launch(
            server_name="127.0.0.1",
            server_port=port,
            auth=Lockout(password) if password else None,
            auth_message=f"{say('zh', welcome)}<br>{say('en', welcome)}" if password else None,
            prevent_thread_lock=True,
            blocked_paths=[str(home), str(Path.home()), str(Path.cwd())],
            i18n=labels_for_browser(),
            theme=theme(),
            css_paths=[STYLE_SHEET],
            app_kwargs={
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
                "middleware": [
                    Middleware(Guard),
                    Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS + (_RELAY_HOSTS if share else []), www_redirect=False),
                ],
            },
            **_HARDENED,
        )
    except OSError as cause:
        taken = CloneError(f"Port {port or '7860 to 7959'} is taken.", remedy="Name another with --port.")
        raise storage_error(cause) or taken from cause
    share_url = _open_tunnel(page, home / "tmp") if share else None
    return Served(
        url=url,
        share_url=share_url,
        wait=lambda: _wait(page),
        wait_until=lambda end: _wait(page, end),
        close=lambda: page.close(verbose=False),
    )


def _wait(page: gr.Blocks, end: datetime | None = None) -> None:
    while page.is_running and (end is None or datetime.now().astimezone() < end):
        time.sleep(0.2)


def _open_tunnel(page: gr.Blocks, folder: Path) -> str | None:
    """Tunnel the running page; None when that fails. What the tunnel prints goes to stderr, its certificate into `folder`."""
    token = secrets.token_urlsafe(32)
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
            return networking.setup_tunnel(page.server_name, page.server_port, token, None, None)
    except Exception:  # noqa: BLE001 - whatever it is, there is no link, and the caller says so
        return None
