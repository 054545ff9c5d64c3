"""Settings come from the data home, and mistakes in them are named."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clone_agent.errors import UsageError
from ui.config import Settings, home_folder, load_settings, parse_zone


def write(home: Path, text: str) -> Path:
    (home / "clone-agent.toml").write_text(text, encoding="utf-8")
    return home


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(home=tmp_path)


def test_every_key_reaches_the_settings(tmp_path: Path) -> None:
    text = """
    [import]
    timezone = "Asia/Shanghai"
    [model]
    base = "/models/glm-edge-1.5b"
    adapter = "lora"
    server = "http://127.0.0.1:8000/v1"
    name = "glm-4-9b"
    [memory]
    embedding = "BAAI/bge-small-zh-v1.5"
    top_k = 6
    [chat]
    port = 7900
    """
    assert load_settings(write(tmp_path, text)) == Settings(
        home=tmp_path,
        timezone=ZoneInfo("Asia/Shanghai"),
        base="/models/glm-edge-1.5b",
        adapter="lora",
        server="http://127.0.0.1:8000/v1",
        server_model="glm-4-9b",
        embedding="BAAI/bge-small-zh-v1.5",
        top_k=6,
        port=7900,
    )


def test_a_file_saved_by_notepad_is_read_as_any_other(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "\ufeff[chat]\nport = 7900")).port == 7900


def test_an_unknown_key_is_named_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.pasword") as caught:
        load_settings(write(tmp_path, '[model]\npasword = "geheim"'))
    assert "geheim" not in str(caught.value)


def test_a_value_of_the_wrong_kind_is_named_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"memory\.top_k") as caught:
        load_settings(write(tmp_path, '[memory]\ntop_k = "geheim"'))
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_not_toml_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a TOML file") as caught:
        load_settings(write(tmp_path, "top_k: 6"))
    assert "move it away" in caught.value.remedy


def test_an_unknown_time_zone_is_an_error(tmp_path: Path) -> None:
    for name in ("Asia/Shangai", "", "../etc/passwd"):
        with pytest.raises(UsageError, match="time zone"):
            parse_zone(name)
    with pytest.raises(UsageError, match="time zone"):
        load_settings(write(tmp_path, '[import]\ntimezone = "Mars"'))


def test_the_home_is_the_option_else_the_variable_else_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONE_AGENT_HOME", str(tmp_path / "variable"))
    assert home_folder(tmp_path / "option") == tmp_path / "option"
    assert home_folder(None) == tmp_path / "variable"
    monkeypatch.delenv("CLONE_AGENT_HOME")
    assert home_folder(None).name == "clone-agent"
    assert home_folder(None).is_absolute()


def test_the_home_of_a_user_who_is_not_there_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    for option, variable in ((Path("~nobody-is-called-so/life"), ""), (None, "~nobody-is-called-so/life")):
        monkeypatch.setenv("CLONE_AGENT_HOME", variable)
        with pytest.raises(UsageError, match="no user of the name"):
            home_folder(option)
