"""Files and folders that are whole or not there."""

import stat
from pathlib import Path

import pytest

from finetune.files import replacing_folder


def test_the_folder_one_stands_in_is_filled_and_stays_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "model"
    here.mkdir(mode=0o755)
    monkeypatch.chdir(here)
    with replacing_folder(Path()) as folder:
        (folder / "config.json").write_text("{}", encoding="utf-8")
        assert list(here.iterdir()) == []
    assert [path.name for path in Path().iterdir()] == ["config.json"], "as whoever stands there sees it"
    assert stat.S_IMODE(here.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == [here]


def test_a_folder_named_from_where_one_stands_takes_the_place_of_an_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    monkeypatch.chdir(tmp_path / "below")
    with replacing_folder(Path("../model")) as folder:
        (folder / "new").touch()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
