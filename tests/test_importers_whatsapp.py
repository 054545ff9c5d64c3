"""WhatsApp: every shape of head, the order of dates once a file, the program's phrases in many languages, zips, owners."""

import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES

from clone_agent.importers import read_export, whatsapp_txt
from clone_agent.importers.dates import DAY_TAKEN_FIRST
from clone_agent.importers.format import head_of
from clone_agent.importers.source import Source
from clone_agent.importers.whatsapp_phrases import OMITTED, read_content
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

UTC = ZoneInfo("UTC")
EXPORTS = Path(__file__).resolve().parents[2] / "shared" / "exports" / "whatsapp_txt"


def put(folder: Path, text: str, name: str = "chat.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def messages_of(path: Path) -> list[Message]:
    return [record for record in read_export(path, timezone=UTC) if isinstance(record, Message)]


def chat_of(path: Path) -> Conversation:
    return [record for record in read_export(path, timezone=UTC) if isinstance(record, Conversation)][-1]


def stamps(path: Path) -> list[str]:
    return [message.sent_at.isoformat()[:19] for message in messages_of(path)]


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("3/6/18, 1:55 p.m. - a: m", "2018-06-03T13:55:00"),
        ("03-06-2018, 01.55 PM - a: m", "2018-06-03T13:55:00"),
        ("13.06.18 21.25.15: a: m", "2018-06-13T21:25:15"),
        ("[06.13.18 21:25:15] a: m", "2018-06-13T21:25:15"),
        ("13.6.2018 klo 21.25.15 - a: m", "2018-06-13T21:25:15"),
        ("13. 6. 2018. 21:25:15 a: m", "2018-06-13T21:25:15"),
        ("[3/6/18 1:55:00 p. m.] a: m", "2018-06-03T13:55:00"),
        ("\u200e[3/6/18 1:55:00 p.\u00a0m.] a: m", "2018-06-03T13:55:00"),
        ("[2018/06/13, 21:25:15] a: m", "2018-06-13T21:25:15"),
        ("[06/2018/13, 21:25:15] a: m", "2018-06-13T21:25:15"),
        ("3/6/2018 1:55 p. m. - a: m", "2018-06-03T13:55:00"),
        ("3/6/18, 1:55\u202fPM - a: m", "2018-06-03T13:55:00"),
        ("2018/6/13 下午9:25 - a: m", "2018-06-13T21:25:00"),
        ("2018/6/13 凌晨12:25 - a: m", "2018-06-13T00:25:00"),
        ("2018. 6. 13. 오전 12:25 - a: m", "2018-06-13T00:25:00"),
        ("[2018-06-13 21:25:15] a: m", "2018-06-13T21:25:15"),
        ("13/6/2561 21:25 - a: m", "2018-06-13T21:25:00"),  # the calendar of Thailand
        ("\u200f١٣\u200f/٦\u200f/٢٠١٨، ٩:٢٥ م - a: m", "2018-06-13T21:25:00"),
    ],
)
def test_every_shape_of_head_is_read(tmp_path: Path, line: str, moment: str) -> None:
    path = put(tmp_path, line)
    (message,) = messages_of(path)
    assert (message.sent_at.isoformat()[:19], message.sender, message.text) == (moment, "name:a", "m")


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["1/2/24", "13/2/24", "3/3/24"], ["2024-02-01", "2024-02-13", "2024-03-03"]),
        (["1/2/24", "2/13/24", "3/3/24"], ["2024-01-02", "2024-02-13", "2024-03-03"]),
        (["1/2/24", "2/2/24", "3/1/24"], ["2024-01-02", "2024-02-02", "2024-03-01"]),  # only so does time go forward
        (["2/1/24", "2/2/24", "1/3/24"], ["2024-01-02", "2024-02-02", "2024-03-01"]),
        (["24/1/2", "24/2/13", "24/3/3"], ["2024-01-02", "2024-02-13", "2024-03-03"]),  # else the year were 2002
    ],
)
def test_the_order_of_a_date_is_found_once_a_file(tmp_path: Path, dates: list[str], expected: list[str]) -> None:
    path = put(tmp_path, "\n".join(f"{one}, 10:00 - Ann: x" for one in dates))
    assert [moment[:10] for moment in stamps(path)] == expected
    assert not any(isinstance(record, Skipped) for record in read_export(path, timezone=UTC))


def test_dates_that_tell_no_order_are_read_day_first_and_that_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, "1/2/24, 10:00 - Ann: x\n2/3/24, 10:00 - Ben: y\n")
    assert [moment[:10] for moment in stamps(path)] == ["2024-02-01", "2024-03-02"]
    (skipped,) = [record for record in read_export(path, timezone=UTC) if isinstance(record, Skipped)]
    assert skipped.reason == DAY_TAKEN_FIRST


def test_a_pasted_date_of_another_order_does_not_turn_the_file(tmp_path: Path) -> None:
    lines = [f"{day}/2/24, 10:00 - Ann: x" for day in range(1, 28)]
    lines.insert(5, "2/29/24, 10:00 - Ann: pasted from elsewhere")
    found = stamps(put(tmp_path, "\n".join(lines)))
    assert [moment[:10] for moment in found] == [f"2024-02-{day:02d}" for day in range(1, 28)]


@pytest.mark.parametrize(
    ("written", "kind", "text"),
    [
        ("image omitted", Kind.IMAGE, ""),
        ("\u200eimagen omitida", Kind.IMAGE, ""),
        ("圖片已略去", Kind.IMAGE, ""),
        ("‎视频已忽略", Kind.VIDEO, ""),
        ("audio omis", Kind.VOICE, ""),
        ("figurinha omitida", Kind.STICKER, ""),
        ("<Медиафайл опущен>", Kind.FILE, ""),
        ("<省略影音内容>", Kind.FILE, ""),
        ("省略影音内容", Kind.FILE, ""),
        ("省略影音内容吧", Kind.TEXT, "省略影音内容吧"),
        ("<Media omitted>\nthe caption", Kind.TEXT, "the caption"),
        ("Look \u200eimage omitted", Kind.TEXT, "Look"),
        ("Contact card omitted", Kind.CARD, ""),
        ("\u200eLive location shared", Kind.LOCATION, ""),
        ("Ort: https://maps.google.com/?q=52.5,13.4", Kind.LOCATION, ""),
        ("Este mensaje fue eliminado", Kind.TEXT, "Este mensaje fue eliminado"),  # no phrase of the program
        ("Se eliminó este mensaje.", Kind.RECALL, ""),
        ("你已刪除此訊息", Kind.RECALL, ""),
        ("Данное сообщение удалено", Kind.RECALL, ""),
        ("hola \u200e<Se editó este mensaje.>", Kind.TEXT, "hola"),
        ("a <b> c", Kind.TEXT, "a <b> c"),
        ("\u200eMissed video call", Kind.CALL, ""),
        ("\u200eAnn changed the group name to “x: y”", Kind.SYSTEM, "Ann changed the group name to “x: y”"),
        ("the image omitted the date", Kind.TEXT, "the image omitted the date"),
        ("IMG-20240102-WA0001.jpg (تم إرفاق الملف)", Kind.IMAGE, ""),
        ("\u200e<附件：00000012-STICKER-2024-01-02-10-00-00.webp>", Kind.STICKER, ""),
        ("", Kind.UNKNOWN, ""),
    ],
)
def test_phrases_of_the_program_are_told_from_words(written: str, kind: Kind, text: str) -> None:
    content = read_content(written)
    assert (content.kind, content.text) == (kind, text)


@pytest.mark.parametrize(
    "text",
    [
        "Video call, tonight at 8?",
        "Group video call. I'll be there",
        "Disappearing messages are so annoying",
        "Disappearing messages are off, why?",
        "Waiting for this message all day!",
        "Your security code with the bank changed, call them",
        "Messages and calls are end-to-end encrypted, right?",
        "Warte auf diese Nachricht, seit gestern",
        "\u200eשלום, מה שלומך",
    ],
)
def test_words_that_begin_as_whatsapp_does_stay_the_senders(tmp_path: Path, text: str) -> None:
    path = put(tmp_path, f"13/9/20, 10:00 - Ann: {text}\n13/9/20, 10:01 - Ben: ok\n", "WhatsApp Chat with Ann.txt")
    assert [(one.sender_name, one.kind, one.text) for one in messages_of(path)] == [
        ("Ann", Kind.TEXT, text.lstrip("\u200e")),
        ("Ben", Kind.TEXT, "ok"),
    ]
    assert chat_of(path).owner == "name:Ben"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Missed voice call, Tap to call back", Kind.CALL),
        ("\u200eVideo call, \u200e5 min", Kind.CALL),
        ("\u200eGroup voice call. \u200eNo answer", Kind.CALL),
        ("Silenced video call", Kind.CALL),
        ("Waiting for this message. This may take a while.", Kind.SYSTEM),
        ("正在等待此消息。这可能需要一段时间。", Kind.SYSTEM),
        ("Your security code with Ann changed. Tap to learn more.", Kind.SYSTEM),
        ("Disappearing messages were turned off. Tap to change.", Kind.SYSTEM),
        (
            "Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, or share them. Learn more.",
            Kind.SYSTEM,
        ),
        ("Messages to this chat and calls are now secured with end-to-end encryption. Tap for more info.", Kind.SYSTEM),
    ],
)
@pytest.mark.parametrize("is_ios", [True, False])
def test_whole_sentences_of_whatsapp_are_nobodys_words(text: str, kind: Kind, is_ios: bool) -> None:
    assert read_content(text, is_ios=is_ios).kind is kind


def alternatives(pattern: str) -> list[str]:
    found, depth = [""], 0
    for sign in pattern:
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return found


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.VIDEO, Kind.VOICE, Kind.STICKER, Kind.CARD, Kind.LOCATION])
def test_every_listed_phrase_without_alternatives_is_recognised(kind: Kind) -> None:
    plain = [phrase for phrase in alternatives(OMITTED[kind]) if not set(phrase) & set("()[]?.")]
    assert plain
    assert {phrase: read_content(phrase).kind for phrase in plain} == dict.fromkeys(plain, kind)
    assert {phrase: read_content(phrase.upper()).kind for phrase in plain if phrase.isascii()} == {
        one: kind for one in plain if one.isascii()
    }


def test_line_feeds_inside_messages_of_ios_hold_what_looks_like_a_head() -> None:
    messages = messages_of(SAMPLES / "whatsapp_txt" / "WhatsApp Chat - Wandern Süd.zip")
    assert "Chris: hier nur zitiert" in messages[2].text
    assert [message.source for message in messages[2:4]] == ["_chat.txt:3", "_chat.txt:6"]


def test_a_group_is_known_by_who_carries_the_first_notice(tmp_path: Path) -> None:
    chat = chat_of(SAMPLES / "whatsapp_txt" / "ios_lrm_nnbsp.txt")
    assert (chat.name, chat.kind, chat.owner) == ("家庭群", ChatKind.GROUP, None)


@pytest.mark.parametrize(
    "name",
    [
        "WhatsApp Chat with 小红.txt",
        "WhatsApp Chat - 小红/_chat.txt",
        "Chat de WhatsApp con 小红.txt",
        "WhatsApp-Chat mit 小红 (1).txt",
        "与小红的 WhatsApp 聊天.txt",
    ],
)
def test_who_is_not_the_one_in_the_title_is_the_owner(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, "2024/1/2, 10:00 - 小红: 在吗\n2024/1/2, 10:01 - 我自己: 在\n", name)
    chat = chat_of(path)
    assert (chat.name, chat.owner) == ("小红", "name:我自己")


def test_a_third_speaker_leaves_the_owner_open(tmp_path: Path) -> None:
    lines = [f"2024/1/2, 10:0{number} - {name}: hi" for number, name in enumerate(("Ann", "Ben", "Cleo"))]
    chat = chat_of(put(tmp_path, "\n".join(lines), "WhatsApp Chat with Ann.txt"))
    assert (chat.kind, chat.owner) == (ChatKind.GROUP, None)


def test_the_zip_and_the_text_in_it_have_the_same_ids(tmp_path: Path) -> None:
    text = "[02/01/2024, 15:04:05] Ann: hi\r\n[13/01/2024, 15:04:05] Ben: ho\r\n"
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Ann.zip", "w") as archive:
        archive.writestr("_chat.txt", text)
    plain = put(tmp_path, text, "WhatsApp Chat with Ann.txt")
    zipped = messages_of(tmp_path / "WhatsApp Chat - Ann.zip")
    assert [(message.id, message.conversation) for message in zipped] == [(one.id, one.conversation) for one in messages_of(plain)]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02 15:04:05 INFO: started\n" * 5,
        "2024-01-02 15:04:05 小红\n你好\n",
        "[2024-01-02, 15:04] Me: that is signal-export's\n" * 3,
        "meet on 12/9/20, 23:55 - Ann: no head at the start of a line\n" * 5,
    ],
)
def test_what_only_looks_alike_is_not_taken(tmp_path: Path, text: str) -> None:
    assert not whatsapp_txt.matches(head_of(Source.of_file(put(tmp_path, text))))


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="no reference samples beside the checkout")
@pytest.mark.parametrize(
    ("name", "users", "notices", "first", "last"),
    [
        ("analytics_2A_5M", 5, 0, "2021-01-01T12:00:00", "2021-01-01T12:03:00"),
        ("chatminer_ddmmyy_24hrs", 7, 2, "2019-01-01T11:25:00", "2021-12-30T22:01:00"),
        ("chatminer_mmddyy_24hrs", 7, 2, "2019-01-01T11:25:00", "2021-12-30T22:01:00"),
        ("chatminer_sq_mmddyy_24hrs", 7, 2, "2019-01-01T11:25:00", "2021-12-30T22:01:00"),
        ("whatstk_lorem", 500, 0, "2020-01-15T02:22:56", "2020-05-11T22:32:48"),
        ("whatstk_lorem-2000", 2000, 0, "2019-04-16T02:09:00", "2020-06-13T00:00:00"),
        *((f"pustur_format0{number}", 1, 0, "2018-06-03T13:55:00", "2018-06-03T13:55:00") for number in (1, 2)),
        *((f"pustur_format0{number}", 1, 0, "2018-06-13T21:25:15", "2018-06-13T21:25:15") for number in (3, 4, 5, 6)),
        ("ios_lrm_nnbsp", 4, 1, "2024-01-02T15:04:05", "2024-01-13T15:06:00"),
        ("android_zh_12h", 3, 2, "2024-01-02T00:05:00", "2024-01-02T15:06:00"),
    ],
)
def test_the_reference_samples(name: str, users: int, notices: int, first: str, last: str) -> None:
    messages = messages_of(EXPORTS / f"{name}.txt")
    moments = sorted(message.sent_at.isoformat()[:19] for message in messages)
    count = sum(message.kind is Kind.SYSTEM for message in messages)
    assert (len(messages) - count, count, moments[0], moments[-1]) == (users, notices, first, last)


def spoken(path: Path) -> list[tuple[str, str]]:
    return [(message.sender_name, message.text) for message in messages_of(path)]


def test_a_name_with_a_colon_is_known_by_its_lines(tmp_path: Path) -> None:
    rests = ["Mum: home: one", "Ann: note: milk", "Mum: home added Ben", "Mum: home: two", "Mum: home: three: four"] * 3
    lines = [f"{10 + number}/9/20, 10:00 - {rest}" for number, rest in enumerate(rests)]
    lines.append("28/9/20, 10:00 - Mum: home: <Media omitted>")
    lines.append("28/9/20, 10:01 - Ann: home: at last")
    lines.append("28/9/20, 10:02 - Ann: hi")
    found = spoken(put(tmp_path, "\n".join(lines)))
    assert len(found) == len(lines), "no line is lost"
    assert found[:3] == [("Mum: home", "one"), ("Ann", "note: milk"), ("WhatsApp", "Mum: home added Ben")]
    assert found[-3:] == [("Mum: home", ""), ("Ann", "home: at last"), ("Ann", "hi")]


def test_what_somebody_says_before_a_colon_is_no_name(tmp_path: Path) -> None:
    texts = ["note: milk", "note: bread", "note: tea", "note: salt", "note: oil", "no sugar"]
    path = put(tmp_path, "\n".join(f"1{day}/9/20, 10:00 - Ann: {text}" for day, text in enumerate(texts)))
    assert spoken(path) == [("Ann", text) for text in texts]
    few = put(tmp_path, "\n".join(f"1{day}/9/20, 10:00 - Ann: {text}" for day, text in enumerate(texts[:4])))
    assert spoken(few) == [("Ann", text) for text in texts[:4]], "too few lines to be sure"


def test_a_chat_called_after_a_name_with_a_colon_needs_one_line_and_tells_the_owner(tmp_path: Path) -> None:
    lines = ["13/9/20, 10:00 - Mum: home: one", "13/9/20, 10:01 - Ann: two"]
    path = put(tmp_path, "\n".join(lines), "WhatsApp Chat with Mum_ home.txt")
    assert spoken(path) == [("Mum: home", "one"), ("Ann", "two")]
    assert chat_of(path).owner == "name:Ann"


def test_a_group_with_a_colon_in_its_name_does_not_speak(tmp_path: Path) -> None:
    first = "[13/01/2024, 3:05:06 PM] Trip: Rome: \u200eMessages and calls are end-to-end encrypted."
    path = put(tmp_path, "\r\n".join((first, "[13/01/2024, 3:06:06 PM] Ann: ciao", "[13/01/2024, 3:06:07 PM] Ben: ciao")), "_chat.txt")
    assert [message.kind for message in messages_of(path)] == [Kind.SYSTEM, Kind.TEXT, Kind.TEXT]
    assert (chat_of(path).name, chat_of(path).kind) == ("Trip: Rome", ChatKind.GROUP)
