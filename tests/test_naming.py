"""What the command line is given: people, chats, days, places in a file and addresses that are right, and those that are not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clone_agent.archive import Archive
from clone_agent.errors import UsageError
from clone_agent.importers import read_export
from clone_agent.records import Message
from ui.cli import main
from ui.wiring import check_address

COUSIN = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    assert run(home, "import", COUSIN).exit_code == 0
    assert run(home, "index").exit_code == 0
    return home


def run(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


def hits(home: Path, *arguments: object) -> Sequence[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(home, "recall", "婚礼定在哪天", *arguments, "--json").stdout)["hits"]
    return found


def test_recall_is_limited_to_a_person_or_a_chat_by_name_or_id(home: Path) -> None:
    with Archive.open(home) as archive:
        cousin = next(person for person in archive.people() if not person.is_owner)
    found = hits(home, "--person", cousin.name)
    assert found
    assert found == hits(home, "--person", cousin.id) == hits(home, "--chat", "浩哥")


@pytest.mark.parametrize(
    "arguments",
    [
        ("recall", "婚礼", "--person", "王五"),
        ("recall", "婚礼", "--chat", "王五"),
        ("dataset", "--with", "王五"),
        ("forget", "--chat", "王五", "--dry-run"),
        ("export", "out", "--chat", "王五"),
    ],
)
def test_a_name_that_nobody_and_no_chat_has_is_wrong_usage(arguments: tuple[str, ...], home: Path) -> None:
    result = run(home, *arguments)
    assert result.exit_code == 2
    assert "fits no" in result.stderr
    assert "王五" not in result.stderr, "no name goes into an error"


def test_a_dataset_that_its_limits_leave_empty_names_the_limits(home: Path) -> None:
    result = run(home, "dataset", "--since", "2030")
    assert result.exit_code == 1
    assert "--since" in result.stderr


@pytest.mark.parametrize("option", ["--after", "--before"])
def test_a_day_may_be_a_month_or_a_year_and_anything_else_says_how_to_write_it(option: str, home: Path) -> None:
    dated = [str(hit["at"])[:7] for hit in hits(home, option, "2023-06")]
    assert dated
    assert all((day >= "2023-06") == (option == "--after") for day in dated)
    wrong = run(home, "recall", "婚礼", option, "gestern")
    assert wrong.exit_code == 2
    assert "not a date like 2024-06-01, 2024-06 or 2024" in wrong.stderr


def test_a_message_is_explained_by_any_line_of_it_and_by_a_path(home: Path) -> None:
    first, second = [record for record in read_export(COUSIN) if isinstance(record, Message)][:2]
    line, after = (int(message.source.rpartition(":")[2]) for message in (first, second))
    assert after > line + 1
    told = [
        json.loads(run(home, "dataset", "--explain", f"{file}:{number}", "--json").stdout)["message"]
        for file, number in [(COUSIN.name, line), (COUSIN.name, line + 1), (COUSIN, after - 1), (COUSIN, after)]
    ]
    assert told == [first.id, first.id, first.id, second.id]
    assert run(home, "dataset", "--explain", f"{COUSIN.name}:{line - 1}").exit_code == 2, "nothing was said above the first message"


@pytest.mark.parametrize("address", ["foo", "localhost:8000", "http://", "http://["])
def test_an_address_that_is_none_is_told_before_anybody_is_asked_for_consent(address: str, home: Path) -> None:
    for result in (
        run(home, "ask", "在吗", "--server", address, "--model", "glm"),
        run(home, "dataset", "--judge", address, "--judge-model", "glm"),
        run(home, "recall", "在吗", "--chroma", address),
    ):
        assert result.exit_code == 2
        assert "not a URL" in result.stderr
        assert "agreed" not in result.stderr
        assert "authentication" not in result.stderr, "nor is anybody warned of it"


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://example.invalid", "http://", "http://[::1", "http://localhost:abc"])
def test_whatever_is_no_url_is_told_by_whoever_checks_it(address: str) -> None:
    with pytest.raises(UsageError, match="The judge's address is not a URL") as told:
        check_address(address, whose="The judge's", like="http://judge.invalid/v1")
    assert told.value.remedy == "Write it like http://judge.invalid/v1."


def test_the_list_of_commands_shows_whole_sentences() -> None:
    listed = CliRunner().invoke(main, ["--help"]).stdout
    assert "..." not in listed.partition("Commands:")[2]
    assert "List the people in the stored chats with their accounts, and join accounts of one person." in " ".join(listed.split())
