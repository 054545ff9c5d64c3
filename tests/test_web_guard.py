"""The page answers its own visitors and nobody else."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from web_stage import GRADIO_WARNINGS, Stage, free_port, open_stage

from ui.environment import prepare_browser
from ui.web.guard import Lockout, client
from ui.web.texts import labels, language_of, say

pytestmark = list(map(pytest.mark.filterwarnings, GRADIO_WARNINGS))
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from open_stage(tmp_path_factory.mktemp("home"), password=PASSWORD)


@pytest.fixture
def visitor(stage: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stage.url, trust_env=False, timeout=30) as visitor:
        yield visitor


def log_in(visitor: httpx.Client, password: str, **headers: str) -> int:
    return visitor.post("/login", data={"username": "friend", "password": password}, headers=headers).status_code


def test_a_foreign_host_is_refused(visitor: httpx.Client) -> None:
    for host in ("evil.example", "evil.gradio.live", "127.0.0.1.evil.example", "localhost.evil.example:7860"):
        assert visitor.get("/", headers={"host": host}).status_code == 400


def test_a_request_from_another_site_is_refused(visitor: httpx.Client) -> None:
    for origin in ("http://evil.example", "null", "https://127.0.0.1.evil.example", "http://127.0.0.1:1"):
        assert log_in(visitor, PASSWORD, origin=origin) == 403
        assert visitor.post("/gradio_api/queue/join", json={}, headers={"origin": origin}).status_code == 403


def test_every_answer_forbids_what_is_foreign(visitor: httpx.Client) -> None:
    for path in ("/", "/config", "/nowhere"):
        headers = visitor.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_nothing_is_told_before_the_login(visitor: httpx.Client) -> None:
    page = visitor.get("/").text
    for hidden in ("林晚", "一诺", "只有微调", "actor", "clone-agent tune"):
        assert hidden not in page
    for path in ("/config", "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/queue/status", "/gradio_api/app_id"):
        answer = visitor.get(path)
        assert answer.status_code >= 400 or "林晚" not in answer.text
    assert visitor.get("/config").status_code == 401


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/monitoring", "/gradio_api/runs", "/gradio_api/mcp"])
def test_pages_about_the_page_are_off(visitor: httpx.Client, path: str) -> None:
    assert log_in(visitor, PASSWORD) == 200
    assert visitor.get(path).status_code >= 400


FORMS = (
    "/gradio_api/file={}",
    "/file={}",
    "/file/{}",
    "/gradio_api/file=/%2e%2e{}",
    "/gradio_api/file/..%2f..%2f..{}",
    "/assets/../../..{}",
    "/assets/..%2f..%2f..%2f..{}",
    "/static/../../..{}",
    "/gradio_api/proxy=file://{}",
    "/gradio_api/stream/x/x/..{}",
)


def test_no_file_is_handed_out(visitor: httpx.Client, stage: Stage) -> None:
    assert log_in(visitor, PASSWORD) == 200
    home = Path(stage.archive.connection.execute("PRAGMA database_list").fetchone()[2]).parent
    wanted = [home / "archive.sqlite3", home / "tmp", Path.cwd() / "pyproject.toml", Path.home() / ".bashrc", Path("/etc/passwd")]
    for path in wanted:
        for form in FORMS:
            assert visitor.get(form.format(path)).status_code >= 400, form


def test_the_right_password_lets_in_whatever_the_name(visitor: httpx.Client) -> None:
    assert log_in(visitor, "wrong") == 400
    assert log_in(visitor, PASSWORD) == 200
    assert visitor.get("/config").status_code == 200


def test_a_link_that_cannot_be_made_leaves_the_hardened_page_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_browser(tmp_path / "tmp")
    from gradio import networking

    monkeypatch.setattr(networking, "GRADIO_API_SERVER", f"http://127.0.0.1:{free_port()}/nobody-listens")
    for stage in open_stage(tmp_path, password=PASSWORD, share=True):
        assert stage.share_url is None
        page = httpx.get(stage.url, trust_env=False, timeout=30)
        assert page.status_code == 200
        assert "amazonaws" not in page.text, "Gradio's own page for links loads its script from elsewhere"
        assert "default-src 'self'" in page.headers["content-security-policy"]


def test_a_client_that_guesses_is_locked_out_and_the_others_are_not() -> None:
    check = Lockout("right password", tries=5, budget=1_000)
    with_client(check, "203.0.113.7", "wrong", times=5)
    assert not with_client(check, "203.0.113.7", "right password")
    assert with_client(check, "198.51.100.2", "right password")
    assert with_client(check, "this machine", "right password")


def test_a_thousand_guesses_from_many_addresses_do_not_lock_the_owner_out() -> None:
    check = Lockout("right password")
    let_in = sum(with_client(check, f"203.0.113.{number % 250}", f"guess {number}") for number in range(1_000))
    assert let_in == 0
    assert not with_client(check, "198.51.100.2", "right password"), "visitors wait while somebody guesses"
    assert with_client(check, "this machine", "right password")


def test_a_locked_out_client_may_try_again_later() -> None:
    check = Lockout("right password", tries=1, pause_s=0)
    with_client(check, "203.0.113.7", "wrong")
    assert with_client(check, "203.0.113.7", "right password")


def with_client(check: Lockout, who: str, password: str, *, times: int = 1) -> bool:
    token = client.set(who)
    try:
        return [check("friend", password) for _ in range(times)][-1]
    finally:
        client.reset(token)


def test_every_label_is_there_in_both_languages() -> None:
    assert labels("zh").keys() == labels("en").keys()
    assert all(labels("zh").values())
    assert all(labels("en").values())


@pytest.mark.parametrize(
    ("accepted", "language"), [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("zh-TW", "zh"), ("en-US,zh;q=0.5", "en"), ("de", "en"), (None, "en")]
)
def test_the_server_writes_in_the_language_of_the_request(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language
    assert say(language, "sources", count=3) in ("3 条来源", "Sources: 3")
