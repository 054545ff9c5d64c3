"""Bodies of LINE's text: `[写真]`, `(emoji)`, `☎ …` and the same in other languages told apart from the sender's own words."""

import re

from clone_agent.records import Kind

_MARKS = {
    Kind.IMAGE: "写真|画像|Photo|Photos|照片|圖片|图片|사진|アルバム|Album|相簿|相册",
    Kind.VIDEO: "動画|Video|Videos|影片|视频|視訊|동영상",
    Kind.STICKER: "スタンプ|Sticker|Stickers|貼圖|贴图|스티커|絵文字|emoji",
    Kind.VOICE: "ボイスメッセージ|音声|Voice message|Audio|語音訊息|语音消息|語音|음성 메시지",
    Kind.FILE: "ファイル|File|Files|檔案|文件|파일",
    Kind.LOCATION: "位置情報|Location|位置訊息|位置信息|위치",
    Kind.CARD: "連絡先|Contact|聯絡資訊|联系人|연락처|ノート|Note|記事本|投票|Poll|ギフト|プレゼント|Gift|禮物|イベント|Event|活動",
}
_WORDS = {word: kind for kind, words in _MARKS.items() for word in words.split("|")}
_WHOLE = re.compile(rf"[\[(](?P<word>{'|'.join(_WORDS)})[\])]")
# What the program itself writes behind a mark: a file's name, an address, a note's or a poll's beginning, an album's title.
_WITH_WORDS = "|".join((*(_MARKS[kind] for kind in (Kind.FILE, Kind.LOCATION, Kind.CARD)), "アルバム|Album|相簿|相册"))
_LABEL = re.compile(rf"\[(?P<word>{_WITH_WORDS})\] (?P<rest>.+)", re.S)
_NOTHING = "(null)"  # a label's words where the program has none
_EMOJI = re.compile(r"\((?:emoji|絵文字)\)")
_TIME = r"\d{1,3}(?::\d{2}){1,2}"
_CALL = re.compile(
    rf"☎ ?(?:(?:通話時間|通话时间|Call time|통화 ?시간) ?{_TIME}"
    r"|不在着信|通話をキャンセルしました|通話に応答がありませんでした|グループ(?:音声|ビデオ)?通話(?:に招待されました|が(?:開始|終了)(?:しました|されました))"
    r"|(?:您|你)?(?:已)?(?:取消通話|取消通话)|未接[來来]電|未接来电|[無无]人接[聽听]|[無无]回應|无应答"
    r"|Missed call|Cancell?ed call|No answer"
    r"|부재중 ?(?:전화|통화)|통화(?:를)? ?취소(?:했습니다|됨)?|응답 ?없음)[。.]?"
)
_ALSO_BARE = (Kind.IMAGE, Kind.VIDEO, Kind.STICKER, Kind.VOICE, Kind.FILE)
_BARE = frozenset(word for word, kind in _WORDS.items() if kind in _ALSO_BARE)


def read_body(text: str, *, is_bare: bool) -> tuple[Kind, str, str, tuple[str, ...]]:
    """Kind, own words, words that are none of the sender's, names of files. `is_bare`: what is no text stands without brackets.

    Only what the program wrote as a whole counts; in words just the emoji, which it writes among them.
    """
    body = text.strip()
    if _CALL.fullmatch(body):
        return Kind.CALL, "", "", ()
    if is_bare and body in _BARE:
        return _WORDS[body], "", "", ()
    if body[:1] in {"[", "("}:
        if (whole := _WHOLE.fullmatch(body)) is not None:
            return _WORDS[whole["word"]], "", "", ()
        if (label := _LABEL.fullmatch(body)) is not None:
            return _labelled(_WORDS[label["word"]], label["rest"].strip())
    words = _EMOJI.sub("", body).strip() if "(" in body else body
    return (Kind.TEXT if words else Kind.STICKER if body else Kind.UNKNOWN), words, "", ()


def _labelled(kind: Kind, rest: str) -> tuple[Kind, str, str, tuple[str, ...]]:
    if kind is Kind.FILE:
        return kind, "", "", (rest,)
    return kind, "", "" if rest == _NOTHING else rest, ()
