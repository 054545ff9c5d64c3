"""Guests: what they are shown and what is kept from them, how long and how much they may talk, the owner's log."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from web_stage import CHAT, Actor, WordMemory, fill

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.records import Kind, Message, Persona
from ui.cli import main
from ui.guests import MESSAGES, Curtain, Event, GuestBook, GuestDesk, GuestMemory, read_log, sources_of, write_event

NUMBER = "13812345678"


def now() -> datetime:
    return datetime.now().astimezone()


@pytest.fixture
def archive(tmp_path: Path):
    with fill(tmp_path) as archive:
        more = [("20010417", "林晚不晚睡", f"陈一诺的电话是{NUMBER} 黄山"), ("10086321", "一诺千斤", f"黄山的房东叫我打{NUMBER}")]
        archive.add(
            [
                CHAT,
                *(
                    Message(id=f"n{n}", conversation=CHAT.id, sender=who, sender_name=name, sent_at=now(), kind=Kind.TEXT, text=text)
                    for n, (who, name, text) in enumerate(more)
                ),
            ]
        )
        yield archive


def test_a_guest_is_given_the_owners_lines_alone_masked_and_without_names(archive: Archive) -> None:
    memory = WordMemory(archive)
    everything = memory.search("黄山", top_k=20).hits
    assert not all(hit.memory.is_owner for hit in everything)
    assert any(NUMBER in hit.memory.text for hit in everything)
    seen = GuestMemory(memory, Curtain(archive)).search("黄山", top_k=20)
    assert seen.hits
    for hit in seen.hits:
        assert hit.memory.is_owner
        assert not hit.memory.conversation_name
        assert CHAT.id not in repr(hit), "a chat's id is a phone or QQ number"
    told = " ".join(hit.memory.text for hit in seen.hits)
    assert "绝了 黄山白来了" in told
    for hidden in (NUMBER, "陈一诺", "一诺千斤", "房东"):
        assert hidden not in told
    assert "友甲" in told
    assert GuestMemory(memory, Curtain(archive)).search("光明顶山庄").is_confident is False, "only somebody else spoke of it"


def test_what_the_model_says_is_covered_too_and_sources_tell_the_month(archive: Archive, tmp_path: Path) -> None:
    curtain = Curtain(archive)
    agent = CloneAgent(Actor(pause_s=0), persona=Persona(name="林晚"), memory=GuestMemory(WordMemory(archive), curtain))
    desk = GuestDesk(agent=agent, curtain=curtain, book=GuestBook(tmp_path, ["a"], until=now() + timedelta(hours=1)))
    said = desk.answer(f"复述 一诺千斤 {NUMBER}", [])
    assert "一诺千斤" not in said.text
    assert NUMBER not in said.text
    reply = desk.answer("黄山白来了吗", [])
    assert "2022-10" in dict(sources_of(reply))
    assert all(len(month) == 7 for month, _ in sources_of(reply))


def test_an_invitation_holds_for_its_time_its_password_and_until_it_is_revoked(tmp_path: Path) -> None:
    write_event(tmp_path, Event(at=now(), guest="小明", what="revoked"))  # an older evening
    book = GuestBook(tmp_path, ["小明", "小红"], until=now() + timedelta(hours=1))
    assert len({*book.passwords.values()}) == 2
    assert all(len(password) >= 16 for password in book.passwords.values())
    assert book.knows("小明", book.passwords["小明"])
    assert not book.knows("小明", book.passwords["小红"])
    assert not book.knows("小明", "")
    assert not book.knows("somebody", "")
    write_event(tmp_path, Event(at=now(), guest="小明", what="revoked"))
    assert not book.knows("小明", book.passwords["小明"])
    assert book.knows("小红", book.passwords["小红"])
    assert not GuestBook(tmp_path, ["小红"], until=now()).is_open("小红")
    kept = (tmp_path / "guests.jsonl").read_text(encoding="utf-8")
    assert not any(password in kept for password in book.passwords.values())
    assert "somebody" not in kept, "what is typed as a name may be anything"
    assert [event.what for event in read_log(tmp_path) if event.guest == "?"] == ["refused"]


def test_a_guest_who_says_too_much_waits_and_the_log_counts_characters_only(tmp_path: Path) -> None:
    book = GuestBook(tmp_path, ["a", "b"], until=now() + timedelta(hours=1))
    taken = [book.takes("a", "秘密的话") for _ in range(MESSAGES + 2)]
    assert taken == [True] * MESSAGES + [False] * 2
    assert book.takes("b", "x")
    assert "秘密" not in (tmp_path / "guests.jsonl").read_text(encoding="utf-8")
    said = [event for event in read_log(tmp_path) if event.what == "said"]
    assert sum(event.characters or 0 for event in said) == MESSAGES * 4 + 1
    assert [event.guest for event in read_log(tmp_path) if event.what == "limited"] == ["a"], "once, however often a script asks"


def test_the_owner_sends_a_guest_away_and_reads_the_log(archive: Archive, tmp_path: Path) -> None:
    book = GuestBook(tmp_path, ["小明"], until=now() + timedelta(hours=1))
    book.takes("小明", "四个字呀")
    done = CliRunner().invoke(main, ["guest", "--revoke", "小明", "--home", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert "小明 said 4 characters in 1 message." in done.stdout
    assert not book.is_open("小明")
    told = json.loads(CliRunner().invoke(main, ["guest", "--log", "--json", "--home", str(tmp_path)]).stdout)
    assert [event["what"] for event in told["events"]] == ["invited", "said", "revoked"]


def test_no_link_without_names_or_consent_and_none_for_an_adapter_that_knows_what_was_forgotten(archive: Archive, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(main, ["guest", "--home", str(tmp_path)]).exit_code == 2
    assert run(main, ["guest", "a", "a", "--home", str(tmp_path)]).exit_code == 2
    assert run(main, ["guest", "a", "--share", "--home", str(tmp_path)]).exit_code == 2
    assert run(main, ["guest", "a", "--home", str(tmp_path / "none")]).exit_code == 10


def test_a_mistyped_name_is_not_taken_for_a_guest_who_was_sent_away(archive: Archive, tmp_path: Path) -> None:
    book = GuestBook(tmp_path, ["小明"], until=now() + timedelta(hours=1))
    before = (tmp_path / "guests.jsonl").read_bytes()
    done = CliRunner().invoke(main, ["guest", "--revoke", "小名", "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "Nobody was invited under that name" in done.stderr
    assert "小" not in done.stderr
    assert (tmp_path / "guests.jsonl").read_bytes() == before
    assert book.is_open("小明")


def test_a_line_that_a_full_disk_cut_within_a_character_takes_no_other_with_it(tmp_path: Path) -> None:
    book = GuestBook(tmp_path, ["小明"], until=now() + timedelta(hours=1))
    log = tmp_path / "guests.jsonl"
    line = '{"at": "2024-01-01T00:00:00+00:00", "guest": "小明"'.encode()
    log.write_bytes(log.read_bytes() + line[: line.index("明".encode()) + 1])
    assert book.is_open("小明")
    write_event(tmp_path, Event(at=now(), guest="小明", what="revoked"))
    assert not book.is_open("小明"), "the line after the cut one counts"
    assert [event.what for event in read_log(tmp_path)] == ["invited", "revoked"]
