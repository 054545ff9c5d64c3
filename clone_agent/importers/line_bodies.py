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
    Kind.CARD: "連絡先|Contact|聯絡資訊|联系人|연락처|ノート|Note|記事本|投票|Poll|ギフト|Gift|禮物|イベント|Event|活動",
}
_MARK = re.compile("|".join(rf"(?P<{kind.value}>[\[(](?:{words})[\])])" for kind, words in _MARKS.items()))
_ALSO_BARE = (Kind.IMAGE, Kind.VIDEO, Kind.STICKER, Kind.VOICE, Kind.FILE)
_BARE = re.compile("|".join(rf"(?P<{kind.value}>{_MARKS[kind]})" for kind in _ALSO_BARE))


def read_body(text: str, *, is_bare: bool) -> tuple[Kind, str, tuple[str, ...]]:
    """Kind, own words, names of files. `is_bare`: what is no text stands without brackets."""
    if text.startswith("☎"):
        return Kind.CALL, "", ()
    if is_bare and (bare := _BARE.fullmatch(text)) is not None:
        return Kind(bare.lastgroup or "unknown"), "", ()
    marks = list(_MARK.finditer(text)) if "[" in text or "(" in text else []
    if not marks:
        words = text.strip()
        return (Kind.TEXT if words else Kind.UNKNOWN), words, ()
    words = _MARK.sub("", text).strip()
    kind = Kind(marks[0].lastgroup or "unknown")
    if marks[0].start() == 0 and kind is not Kind.STICKER:
        return kind, "", ((words,) if kind is Kind.FILE and words else ())
    return (Kind.TEXT, words, ()) if words else (kind, "", ())
