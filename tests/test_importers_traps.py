"""Traps in the grammar of the formats: what a reader that only knows the samples gets wrong."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clone_agent.importers import detect, google_chat_json, read_export
from clone_agent.importers.html_parts import tree_of
from clone_agent.importers.inspect import inspect
from clone_agent.records import Conversation, Kind, Message

UTC = ZoneInfo("UTC")


def put(folder: Path, content: object, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def messages_of(path: Path) -> list[Message]:
    return [record for record in read_export(path, timezone=UTC) if isinstance(record, Message)]


def chat_of(path: Path) -> Conversation:
    return [record for record in read_export(path, timezone=UTC) if isinstance(record, Conversation)][-1]


@pytest.mark.parametrize(
    "written",
    [
        "Friday, May 29, 2026 at 3:00:29\u202fPM UTC",
        "Friday, 29 May 2026 at 15:00:29 UTC",
        "2026年5月29日星期五 UTC 15:00:29",
        "2026年5月29日星期五 UTC 下午3:00:29",
        "2026年5月29日 金曜日 15:00:29 UTC",
        "2026년 5월 29일 금요일 오후 3시 0분 29초 UTC",
        "Freitag, 29. Mai 2026 um 15:00:29 UTC",
        "vendredi 29 mai 2026 à 15:00:29 UTC",
        "viernes, 29 de mayo de 2026, 15:00:29 UTC",
        "sexta-feira, 29 de maio de 2026 às 15:00:29 UTC",
        "venerdì 29 maggio 2026 alle ore 15:00:29 UTC",
        "vrijdag 29 mei 2026 om 15:00:29 UTC",
        "piątek, 29 maja 2026 15:00:29 UTC",
        "пятница, 29 мая 2026 г. в 15:00:29 UTC",
    ],
)
def test_google_chat_writes_dates_in_the_language_of_the_account(tmp_path: Path, written: str) -> None:
    row = {"creator": {"name": "Ann", "email": "a@example.org"}, "created_date": written, "text": "hi", "message_id": "m"}
    (message,) = messages_of(put(tmp_path, {"messages": [row]}, "messages.json"))
    assert message.sent_at.isoformat() == "2026-05-29T15:00:29+00:00"


@pytest.mark.parametrize(
    ("name", "number"),
    [("März", 3), ("août", 8), ("juin", 6), ("juillet", 7), ("Dezember", 12), ("maart", 3), ("agosto", 8), ("giugno", 6), ("luglio", 7)],
)
def test_months_are_told_apart_by_their_first_letters(name: str, number: int) -> None:
    moment = google_chat_json.read_sentence(f"4 {name} 2026 15:00:29 UTC", UTC)
    assert moment is not None
    assert moment.month == number


def test_reactions_of_messenger_are_no_words(tmp_path: Path) -> None:
    rows = [
        {"sender_name": "Ben", "timestamp_ms": 1700000001000, "content": "Reacted \u00e2\u009d\u00a4 to your message "},
        {"sender_name": "Ben", "timestamp_ms": 1700000000000, "content": "I reacted badly"},
    ]
    found = messages_of(
        put(tmp_path, {"participants": [{"name": "Ann"}, {"name": "Ben"}], "messages": rows, "title": "Ben"}, "message_1.json")
    )
    assert [(message.kind, message.text) for message in found[:1]] == [(Kind.TEXT, "I reacted badly")]
    assert found[1].kind is Kind.SYSTEM


def meta(*texts: str) -> dict[str, Any]:
    rows = [{"sender_name": "Bob Roe", "timestamp_ms": 1700000000000 + n, "content": text} for n, text in enumerate(texts)]
    return {"participants": [{"name": "Ann Lee"}, {"name": "Bob Roe"}], "messages": rows, "title": "Ann Lee"}


def test_what_somebody_tells_in_the_words_of_a_notice_of_messenger_is_theirs(tmp_path: Path) -> None:
    texts = [
        "Sorry I missed your call",
        "Why has Bob left the group?? I liked him",
        "she left the call early",
        "Bob left the call early, as always",
        "wanna know who started a chat",
        "I named the group and nobody noticed",
        "Bobby left the group.",
    ]
    found = messages_of(put(tmp_path, meta(*texts), "message_1.json"))
    assert [(one.kind, one.text) for one in found] == [(Kind.TEXT, text) for text in texts]


def test_notices_of_messenger_are_known_by_who_did_it(tmp_path: Path) -> None:
    texts = [
        "Liked a message",
        "Reacted 👍 to your message ",
        "Bob Roe left the group.",
        "Bob named the group Trip to Rome.",
        "You added Cleo Day to the group.",
        "Bob set the nickname for Ann Lee to Annie.",
        "Bob set his own nickname to Bobby.",
        "Bob changed the theme to Love.",
        "You changed the group photo.",
        "Bob started a video chat.",
        "Ann missed your video call.",
        "You missed a call",
        "You and Ann are now connected on Messenger.",
        "Bob sent an attachment.",
    ]
    found = messages_of(put(tmp_path, meta(*texts), "message_1.json"))
    assert [one.text for one in found if one.kind is not Kind.SYSTEM] == []
    assert len(found) == len(texts)


def telegram(*rows: dict[str, Any]) -> dict[str, Any]:
    common = {"type": "message", "date_unixtime": "1672531200", "from": "Bob", "from_id": "user7"}
    return {
        "name": "Bob",
        "type": "personal_chat",
        "id": 7,
        "messages": [{"id": n, **common, **row} for n, row in enumerate(rows, start=1)],
    }


def test_what_a_bot_words_for_the_sender_of_telegram_is_not_their_own(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        telegram(
            {"via_bot": "@gif", "media_type": "animation", "file": "a.mp4", "text": ""},
            {"via_bot": "@wiki", "text": "an article"},
            {"forwarded_from": "News", "photo": "p.jpg", "text": "headline"},
            {"text": "mine"},
        ),
        "result.json",
    )
    found = messages_of(path)
    assert [message.text for message in found] == ["", "", "", "mine"]
    assert (found[0].kind, found[2].kind) == (
        messages_of(put(tmp_path, telegram({"media_type": "animation", "text": ""}), "b.json"))[0].kind,
        Kind.FORWARD,
    )
    assert found[2].quoted == "headline"


def test_what_a_deleted_account_of_telegram_wrote_is_not_the_forwarders_own(tmp_path: Path) -> None:
    forwarded = {"forwarded_from": None, "text": "theirs", "forwarded_from_id": "user8"}
    rows = [forwarded, {"forwarded_from": None, "text": "theirs"}, {"text": "mine"}]
    found = messages_of(put(tmp_path, telegram(*rows), "result.json"))
    assert [(one.kind, one.text, one.quoted) for one in found] == [*[(Kind.FORWARD, "", "theirs")] * 2, (Kind.TEXT, "mine", "")]


def test_a_later_row_without_the_rooms_name_does_not_take_it_away(tmp_path: Path) -> None:
    row = {
        "seq": 1,
        "time": "2024-01-01T08:00:00+08:00",
        "talker": "9@chatroom",
        "isChatRoom": True,
        "sender": "wxid_a",
        "isSelf": False,
        "type": 1,
    }
    path = put(tmp_path, [{**row, "talkerName": "群", "content": "a"}, {**row, "seq": 2, "content": "b"}], "chatlog.json")
    assert chat_of(path).name == "群"


def test_names_of_pywxdump_may_stand_a_folder_above(tmp_path: Path) -> None:
    table = "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n1,11,文本,0,wxid_f,wxid_f,你好,,2024-10-04 11:42:00\n"
    path = put(tmp_path, table, "csv/wxid_f/wxid_f_0_5000.csv")
    put(tmp_path, {"wxid_f": {"wxid": "wxid_f", "nickname": "小虫", "remark": "虫"}}, "csv/users.json")
    assert messages_of(path)[0].sender_name == "虫"


def test_afternoons_of_japanese_line_are_afternoons(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "[LINE] 花子とのトーク履歴\n保存日時：2026/08/21 11:59\n\n2025/04/18(金)\n午後3:04\t花子\tはい\n午前12:04\t花子\tはい\n",
        "line.txt",
    )
    assert [message.sent_at.hour for message in messages_of(path)] == [15, 0]


def test_messages_copied_without_a_day_are_counted(tmp_path: Path) -> None:
    path = put(tmp_path, "【冒泡】小明 2/14/2020 9:16:13 PM\n第一行\n\n小红(958884) 上午 3:13:28\n今天的\n", "paste.txt")
    found = inspect(path, timezone=UTC)
    assert (found.format, found.chats[0].messages, found.skipped) == ("qq_clipboard", 1, {"a clock without a day": 1})


def test_a_face_in_doubled_brackets_leaves_no_brackets(tmp_path: Path) -> None:
    written = "[[微笑]]好[图片: a.png]的"
    elements = [
        {"type": "text", "data": {"text": written}},
        {"type": "face", "data": {"name": "微笑"}},
        {"type": "image", "data": {"filename": "a.png"}},
    ]
    row = {"id": "1", "timestamp": 1704067443000, "sender": {"uid": "u_b", "uin": "10002", "name": "乙"}, "type": "type_1"}
    export = {"chatInfo": {"name": "乙", "type": "private"}, "messages": [{**row, "content": {"text": written, "elements": elements}}]}
    (message,) = messages_of(put(tmp_path, export, "qce.json"))
    assert (message.text, message.attachments) == ("好的", ("a.png",))


def test_a_chunk_of_the_fourth_version_is_no_messenger_export(tmp_path: Path) -> None:
    row = {
        "messageId": "1",
        "timestamp": "2024-01-01T00:00:00.000Z",
        "sender": {"uid": "u_a", "name": "A"},
        "content": {"text": "[回复 B: x]\n嗯", "reply": {"messageId": "9", "senderName": "B", "content": "x"}},
    }
    export = {"metadata": {"name": "QQChatExporter V4"}, "chunkInfo": {"index": 0, "total": 1}, "messages": [row]}
    found = inspect(put(tmp_path, export, "chunk.json"), timezone=UTC)
    assert (found.format, found.chats[0].messages) == ("qce_json", 1)


LINE_HEAD = "[LINE] 花子とのトーク履歴\r\n保存日時：2026/08/21 11:59\r\n\r\n2025/04/18(金)\r\n"


def test_a_date_inside_the_quotes_of_a_line_body_is_no_new_day(tmp_path: Path) -> None:
    rows = '12:09\t花子\t"a ""x""\r\nb ""y""\r\n2025/04/19(土)\r\nc"\r\n12:10\t太郎\tok\r\n'
    found = messages_of(put(tmp_path, LINE_HEAD + rows, "line.txt"))
    assert [(one.text, one.sent_at.day) for one in found] == [('a "x"\nb "y"\n2025/04/19(土)\nc', 18), ("ok", 18)]


def test_a_quote_of_line_that_never_closes_swallows_no_day(tmp_path: Path) -> None:
    rows = '12:09\t花子\t"a\r\n\r\n2025/04/19(土)\r\n12:10\t太郎\tok\r\n'
    found = messages_of(put(tmp_path, LINE_HEAD + rows, "line.txt"))
    assert [(one.text, one.sent_at.day) for one in found] == [('"a', 18), ("ok", 19)]


def test_notices_of_kakaotalk_on_ios_stand_behind_a_colon(tmp_path: Path) -> None:
    rows = "2024. 3. 11. 오후 9:13, 김 : 파일: a.pdf\n2024. 3. 11. 오후 9:14: 박팀장님이 김님을 초대했습니다.\n"
    path = put(tmp_path, "팀 님과 카카오톡 대화\n저장한 날짜 : 2024. 3. 11. 오후 2:05\n\n2024년 3월 11일 월요일\n" + rows, "kakao.txt")
    assert [(one.kind, one.attachments) for one in messages_of(path)] == [(Kind.FILE, ("a.pdf",)), (Kind.SYSTEM, ())]


KAKAO_HEAD = "팀 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n--------------- 2024년 3월 11일 월요일 ---------------\n"


@pytest.mark.parametrize(
    "words",
    [
        "보이스톡 할까?",
        "Video Call at nine?",
        "송금했어?",
        "송금 좀 해줘",
        "Location: my place at 5",
        "지도: 우리 집",
        "Contact: ask Ann",
        "투표: 오늘 점심",
        "샵검색 해봐",
        "선물 다 보냈습니다",
        "파일: 내일 보낼게",
    ],
)
def test_words_beside_those_of_kakaotalk_are_kept(tmp_path: Path, words: str) -> None:
    text = put(tmp_path, f"{KAKAO_HEAD}[김] [오전 9:12] {words}\n", "kakao.txt")
    table = put(tmp_path, f'Date,User,Message\n2024-03-11 09:12:00,"김","{words}"\n', "kakao.csv")
    for path in (text, table):
        assert [(one.kind, one.text, one.attachments) for one in messages_of(path)] == [(Kind.TEXT, words, ())]


@pytest.mark.parametrize(
    ("written", "kind", "quoted", "files"),
    [
        ("보이스톡 해요", Kind.CALL, "", ()),
        ("보이스톡 0:17", Kind.CALL, "", ()),
        ("페이스톡 1:02:03", Kind.CALL, "", ()),
        ("라이브톡", Kind.CALL, "", ()),
        ("사진 3장", Kind.IMAGE, "", ()),
        ("송금 30,400원", Kind.TRANSFER, "", ()),
        ("샵검색: #날씨", Kind.CARD, "#날씨", ()),
        ("선물과 메시지를 보냈습니다.", Kind.CARD, "", ()),
        ("파일: 회의 자료.hwp", Kind.FILE, "", ("회의 자료.hwp",)),
    ],
)
def test_whole_forms_of_kakaotalk_are_no_words(tmp_path: Path, written: str, kind: Kind, quoted: str, files: tuple[str, ...]) -> None:
    (message,) = messages_of(put(tmp_path, f"{KAKAO_HEAD}[김] [오전 9:12] {written}\n", "kakao.txt"))
    assert (message.kind, message.text, message.quoted, message.attachments) == (kind, "", quoted, files)


@pytest.mark.parametrize(
    "words",
    [
        "(Note) bring your passport",
        "☎ me when you are home",
        "☎ 通話時間が長いね",
        "[写真]送ったよ、見てね",
        "[写真] 見てね",
        "I wrapped it (Gift) for you",
        "[スタンプ]かわいい",
    ],
)
def test_words_beside_those_of_line_are_kept(tmp_path: Path, words: str) -> None:
    (message,) = messages_of(put(tmp_path, f"{LINE_HEAD}12:09\t花子\t{words}\r\n", "line.txt"))
    assert (message.kind, message.text) == (Kind.TEXT, words)


@pytest.mark.parametrize(
    ("written", "kind", "text", "quoted", "files"),
    [
        ("☎ 通話時間 1:02:03", Kind.CALL, "", "", ()),
        ("☎ 通話に応答がありませんでした", Kind.CALL, "", "", ()),
        ("☎ グループ音声通話に招待されました。", Kind.CALL, "", "", ()),
        ("☎ Call time 2:03", Kind.CALL, "", "", ()),
        ("☎ Missed call", Kind.CALL, "", "", ()),
        ("☎ 您已取消通話", Kind.CALL, "", "", ()),
        ("☎ 無人接聽", Kind.CALL, "", "", ()),
        ("[アルバム] (null)", Kind.IMAGE, "", "", ()),
        ("[アルバム] 夏休み", Kind.IMAGE, "", "夏休み", ()),
        ("[位置情報] 東京都千代田区丸の内1-1", Kind.LOCATION, "", "東京都千代田区丸の内1-1", ()),
        ("[ノート] 持ち物", Kind.CARD, "", "持ち物", ()),
        ("[ファイル] 報告.pdf", Kind.FILE, "", "", ("報告.pdf",)),
        ("[写真]", Kind.IMAGE, "", "", ()),
        ("[プレゼント]", Kind.CARD, "", "", ()),
        ("了解です(emoji)", Kind.TEXT, "了解です", "", ()),
        ("(emoji)(emoji)", Kind.STICKER, "", "", ()),
    ],
)
def test_whole_forms_of_line_are_no_words(tmp_path: Path, written: str, kind: Kind, text: str, quoted: str, files: tuple[str, ...]) -> None:
    (message,) = messages_of(put(tmp_path, f"{LINE_HEAD}12:09\t花子\t{written}\r\n", "line.txt"))
    assert (message.kind, message.text, message.quoted, message.attachments) == (kind, text, quoted, files)


def test_an_edited_imessage_holds_its_last_words(tmp_path: Path) -> None:
    blocks = (
        "Me\nfirst\nEdited 2 seconds later: second\nEdited 1 minute later: third\nand more",
        "+15550100\nMe unsent this message part 3 seconds after sending!",
        "+15550100\nSticker from Me: /Users/x/StickerCache/1.heic",
        "+15550100\nhi\nThis message was deleted from the conversation!",
        "Me\nMay 17, 2022  5:29:44 PM first\nEdited  later: second\nEdited 1 day, 2 hours later: third",
    )
    text = "\n\n".join(f"May 17, 2022  5:29:4{number} PM\n{block}" for number, block in enumerate(blocks)) + "\n"
    found = messages_of(put(tmp_path, text, "Bob.txt"))
    assert [(one.kind, one.text) for one in found] == [
        (Kind.TEXT, "third\nand more"),
        (Kind.RECALL, ""),
        (Kind.STICKER, ""),
        (Kind.TEXT, "hi"),
        (Kind.TEXT, "third"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Sent with love",
        "Sent with Heart",  # nothing above that an effect could belong to
        "Expressive dance is fun",
        "Edited the photos, will send them later",
        "24/7 I am on example.com",
        "either/or, see notes.txt",
        "Attachment missing, sending it again",
        "https://example.org/lake.png",
    ],
)
def test_words_like_those_of_imessage_exporter_stay_words(tmp_path: Path, words: str) -> None:
    (message,) = messages_of(put(tmp_path, f"May 17, 2022  5:29:42 PM\nMe\n{words}\n\n", "Bob.txt"))
    assert (message.kind, message.text, message.attachments) == (Kind.TEXT, words, ())


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("Sent with Invisible Ink", ""),
        ("com.apple.messages.effect.CKNewEffect", ""),
        ("/Users/x/Library/Messages/Attachments/ab/11/at 0/IMG 1.heic", "IMG 1.heic"),
        ("~/Library/Messages/Attachments/ab/11/at_0/a.mov", "a.mov"),
        ("attachments/14/1927.heic", "1927.heic"),
        ("C:\\Users\\x\\export\\attachments\\14\\1.jpeg", "1.jpeg"),
        (f"Library/Application Support/MobileSync/Backup/x/8f/{'8f' * 20}", "8f" * 20),
        ("IMG_1.HEIC", "IMG_1.HEIC"),
    ],
)
def test_effects_and_files_of_imessage_exporter_are_no_words(tmp_path: Path, line: str, file: str) -> None:
    (message,) = messages_of(put(tmp_path, f"May 17, 2022  5:29:42 PM\nMe\nhi\n{line}\n\n", "Bob.txt"))
    assert (message.kind, message.text, message.attachments) == (Kind.TEXT, "hi", (file,) if file else ())


def test_a_name_in_telegrams_pages_is_without_its_bot(tmp_path: Path) -> None:
    page = (
        '<!DOCTYPE html><html><body><div class="page_wrap"><div class="page_header"><div class="text bold">Bob</div></div>'
        '<div class="chat_page">'
        '<div class="message default" id="message1"><div class="pull_right date details" title="12.07.2019 16:55:32 UTC+02:00">16:55</div>'
        '<div class="from_name">Bob &amp; Co <span class="details"> via @gif</span></div><div class="text">chosen</div></div>'
        '<div class="message default joined" id="message2">'
        '<div class="pull_right date details" title="12.07.2019 16:55:33 UTC+02:00">16:55</div>'
        '<div class="text">1 &lt; 2</div></div></div></div></body></html>'
    )
    found = messages_of(put(tmp_path, page, "messages.html"))
    assert [(one.sender_name, one.text, one.quoted) for one in found] == [("Bob & Co", "", "chosen"), ("Bob & Co", "1 < 2", "")]


def test_seconds_in_signals_stamps_are_read(tmp_path: Path) -> None:
    found = messages_of(put(tmp_path, "[2019-05-29, 15:04] Me: a\n[2019-05-29, 15:07:33] Bob: b\n", "chat.md"))
    assert [one.sent_at.second for one in found] == [0, 33]


def test_markup_that_is_broken_is_text(tmp_path: Path) -> None:
    assert tree_of('a < b <i title="x > y">c</i> &amp; <3 </p><script>if (a < b) "<p>"</script> d').text() == "a < b c & <3 d"
    assert tree_of("<b <i>x").text() == "<b x"


@pytest.mark.parametrize(("version", "skipped"), [("0.0.2", 0), ("0.1.0", 0), ("7.0.0", 1)])
def test_an_unknown_version_of_chatlab_is_said_and_read(tmp_path: Path, version: str, skipped: int) -> None:
    row = {"sender": "1", "accountName": "A", "timestamp": 1711111111, "type": 0, "content": "hi"}
    about = {"chatlab": {"version": version}, "meta": {"name": "g", "platform": "qq", "type": "group", "groupId": "5"}}
    whole = put(tmp_path, {**about, "members": [], "messages": [row]}, "a.json")
    lines = put(tmp_path, "\n".join(json.dumps(one) for one in ({"_type": "header", **about}, {"_type": "message", **row})), "a.jsonl")
    for path in (whole, lines):
        found = inspect(path, timezone=UTC)
        assert (found.chats[0].messages, sum(found.skipped.values())) == (1, skipped)


def viewer_script(rows: list[dict[str, Any]]) -> str:
    return 'window.__QCE_CHUNK__ && window.__QCE_CHUNK__({id:"c000001",messages:[\n' + ",\n".join(map(json.dumps, rows)) + "\n]});\n"


def viewer_row(number: int, **fields: Any) -> dict[str, Any]:
    page = f'<div class="message"><span class="message-sender">A</span><div class="message-content">line {number}</div></div>'
    return {"id": f"msg-{number}", "ts": 1704067440000 + number * 1000, "uid": "u_a", "name": "A", "html": page, **fields}


def test_the_scripts_of_the_viewer_of_qce_are_read_piece_by_piece(tmp_path: Path) -> None:
    rows = [viewer_row(number, text="x" * 3000) for number in range(1000)]  # more than one piece of a megabyte
    found = messages_of(put(tmp_path, viewer_script(rows[:500]) + viewer_script(rows[500:]), "c000001.js"))
    assert [one.text for one in found] == [f"line {number}" for number in range(1000)]
    assert {one.sender for one in found} == {"u_a"}


def test_a_script_of_the_viewer_that_is_cut_off_keeps_what_stands_before(tmp_path: Path) -> None:
    whole = viewer_script([viewer_row(number) for number in range(20)])
    found = inspect(put(tmp_path, whole[: len(whole) * 3 // 4], "c000001.js"), timezone=UTC)
    assert (13 <= found.chats[0].messages <= 15, found.skipped) == (True, {"damaged, cannot be decoded": 1})


def test_a_damaged_row_in_a_script_of_the_viewer_costs_that_row(tmp_path: Path) -> None:
    whole = viewer_script([viewer_row(number) for number in range(20)])
    found = inspect(put(tmp_path, whole.replace('"ts":', '#ts":', 8).replace('#ts":', '"ts":', 7), "c000001.js"), timezone=UTC)
    assert (found.chats[0].messages, found.skipped) == (19, {"damaged, cannot be decoded": 1})


def test_tags_of_qqnt_export_are_known_without_their_brackets(tmp_path: Path) -> None:
    contents = [["被引用的消息][文本", "原话"], ["文本", "好"], ["图片", "a.jpg"]]
    row = {"time": "2024-05-01 12:00:09", "direction": "收", "contents": contents}
    (message,) = messages_of(put(tmp_path, [row], "乙.json"))
    assert (message.kind, message.text, message.quoted, message.attachments) == (Kind.REPLY, "好", "原话", ("a.jpg",))


def test_chatlab_types_are_known_as_strings(tmp_path: Path) -> None:
    rows = [{"sender": "1", "accountName": "A", "timestamp": "1711468800", "type": "0", "content": "hi"}]
    (message,) = messages_of(put(tmp_path, {"chatlab": {"version": "0.0.2"}, "meta": {"name": "g"}, "messages": rows}, "chat.json"))
    assert (message.kind, message.text, int(message.sent_at.timestamp())) == (Kind.TEXT, "hi", 1711468800)


@pytest.mark.parametrize(("first", "second"), [("24. 1. 2. 오후 3:04", "24. 1. 3. 오전 12:04"), ("24. 1. 2. 15:04", "24. 1. 13. 00:04")])
def test_a_short_year_that_comes_first_has_the_month_behind_it(tmp_path: Path, first: str, second: str) -> None:
    path = put(tmp_path, f"{first} - 지민: 안녕\n{second} - 민수: 응\n", "WhatsApp Chat with 지민.txt")
    assert messages_of(path)[0].sent_at.isoformat() == "2024-01-02T15:04:00+00:00"
    assert inspect(path, timezone=UTC).skipped == {}


def test_a_poll_of_whatsapp_is_nobodys_words(tmp_path: Path) -> None:
    text = "13/9/20, 00:15 - Bob: POLL:\nWhere?\nOPTION: a (1 vote)\nOPTION: b (\u200e2 votes)\n13/9/20, 00:16 - Ann: POLL: no\n"
    found = messages_of(put(tmp_path, text, "WhatsApp Chat with Ann.txt"))
    assert [(message.kind, message.text) for message in found] == [(Kind.CARD, ""), (Kind.TEXT, "POLL: no")]


QCE_TEXT = "[QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter]\n\n聊天名称: 测试群\n聊天类型: 群聊\n\n\n"


@pytest.mark.parametrize(
    ("lists", "mentions", "files"),
    [
        ("资源: 1 个文件\n  - image: a.png\n提及: Alice\n回复: 01-01 08:01 Alice - 第一行", ("Alice",), ("a.png",)),
        ("提及: Alice,Bob\n回复: 01-01 08:01 Alice - 第一行", ("Alice", "Bob"), ()),
    ],
)
def test_lists_below_a_reply_of_qce_are_no_words(tmp_path: Path, lists: str, mentions: tuple[str, ...], files: tuple[str, ...]) -> None:
    path = put(tmp_path, f"{QCE_TEXT}Bob:\n时间: 2024-01-01 08:04:00\n内容: [回复 Alice: 第一行]\n收到\n{lists}\n", "group.txt")
    (message,) = messages_of(path)
    assert (message.kind, message.text, message.quoted, message.mentions, message.attachments) == (
        Kind.REPLY,
        "收到",
        "第一行",
        mentions,
        files,
    )


def test_files_and_mentions_below_words_of_qce_are_no_words_but_a_typed_line_is(tmp_path: Path) -> None:
    listed = "Bob:\n时间: 2024-01-01 08:04:00\n内容: 看\n资源: 1 个文件\n  - image: a.png\n提及: Alice\n\n\n"
    typed = "Bob:\n时间: 2024-01-01 08:05:00\n内容: 会议纪要\n提及: 预算\n"
    found = messages_of(put(tmp_path, QCE_TEXT + listed + typed, "group.txt"))
    assert [(message.text, message.mentions) for message in found] == [("看", ("Alice",)), ("会议纪要\n提及: 预算", ())]


def test_a_letter_of_wechat_opens_in_any_words(tmp_path: Path) -> None:
    above = "Dear:\n\t Chat history between Ming and Hong is as follows"
    text = f"{above}\n\n—————  2026/04/07  —————\n\nHong  9:05\n\nhello\n\nMing  9:06\n\nok\n"
    found = messages_of(put(tmp_path, text, "mail.txt"))
    assert [(message.sender_name, message.text) for message in found] == [("Hong", "hello"), ("Ming", "ok")]


def test_what_a_bot_of_slack_says_is_no_speech(tmp_path: Path) -> None:
    rows = [
        {"type": "message", "subtype": "bot_message", "username": "deploy", "text": "done", "ts": "1452837318.000002"},
        {"type": "message", "user": "U1", "text": "thanks", "ts": "1452837319.000002"},
    ]
    put(tmp_path, [{"id": "U1", "name": "ann"}], "work/users.json")
    put(tmp_path, [{"id": "C1", "name": "general"}], "work/channels.json")
    put(tmp_path, rows, "work/general/2016-01-15.json")
    found = messages_of(tmp_path / "work")
    assert [(message.kind, message.text, message.quoted) for message in found] == [(Kind.CARD, "", "done"), (Kind.TEXT, "thanks", "")]


PICTURES = {f"wxid_{number}": "data:image/png;base64," + "A" * 300 for number in range(400)}
TELEGRAM_ROW = {"id": 1, "type": "message", "date": "2019-07-12T16:55:32", "from": "B", "from_id": "user7", "text": "hi"}
WEFLOW_ROW = {"localId": 1, "createTime": 1704164646, "type": "文本消息", "content": "hi", "isSend": 0, "senderUsername": "wxid_b"}
QCE_ROW = {"id": "1", "timestamp": 1704067440000, "sender": {"uid": "u_a", "name": "A"}, "type": "text", "content": {"text": "hi"}}


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("wechat_weflow_json", {"avatars": PICTURES, "session": {"wxid": "wxid_b", "type": "私聊"}, "messages": [WEFLOW_ROW]}),
        ("qce_json", {"avatars": PICTURES, "chatInfo": {"name": "g", "type": "group"}, "messages": [QCE_ROW]}),
        ("telegram_json", {"contacts": {"list": [PICTURES]}, "chats": {"list": [{"id": 7, "name": "B", "messages": [TELEGRAM_ROW]}]}}),
        ("telegram_json", {"messages": [TELEGRAM_ROW | {"text_entities": [PICTURES]}], "id": 7, "type": "personal_chat"}),
    ],
)
def test_what_stands_behind_a_hundred_kilobytes_of_other_things_is_recognised(tmp_path: Path, name: str, export: dict[str, Any]) -> None:
    path = put(tmp_path, export, "export.json")
    assert path.stat().st_size > 1 << 16
    assert detect(path).name == name
    assert [message.text for message in messages_of(path)] == ["hi"]
