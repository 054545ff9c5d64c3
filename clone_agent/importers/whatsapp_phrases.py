"""What WhatsApp itself writes where a sender's words would stand: media left out, files, deletions, calls, notices.

The program writes in the language of the phone. The phrases are those of its interface as they show in exports. On iOS U+200E stands before
each of them, which tells them from words in a language that is not listed here. On Android people's keyboards write it too.
"""

import re
from typing import NamedTuple

from clone_agent.importers.media import kind_of_file
from clone_agent.records import Kind

MARK = "\u200e"
OMITTED = {
    Kind.IMAGE: "image omitted|Bild weggelassen|imagen omitida|image absente|immagine omessa|imagem (?:ocultada|omitida|não revelada)"
    "|afbeelding weggelaten|изображение (?:отсутствует|опущено)|зображення відсутнє|görüntü dahil edilmedi|obraz pominięty"
    "|bild utesluten|billede udeladt|bilde ikke inkludert|obrázek vynechán|gambar tidak (?:disertakan|dimasukkan)|đã bỏ qua hình ảnh"
    "|[圖图]片已(?:略去|忽略|省略)|[圖图]像已(?:省略|忽略|略去)|照片已(?:忽略|略去|省略)|忽略图片|画像は含まれていません"
    "|이미지 생략됨|사진 생략됨"
    "|لم يتم إدراج الصورة|התמונה הושמטה|εικόνα παραλείφθηκε|इमेज छोड़ी गई|फ़ोटो हटाई गई"
    "|GIF (?:omitted|weggelassen|omitid[oa]|retiré|esclusa|não revelada|weggelaten|отсутствует|пропущен|dahil edilmedi|omis|utesluten"
    "|udeladt|utelatt|vynechán|tidak disertakan|생략됨)|GIF ?(?:已略去|圖片已被省略|动态图已被忽略)|GIFは含まれていません"
    "|GIF-анімацію пропущено",
    Kind.VIDEO: "video (?:omitted|weggelassen|omitido|omesso|weggelaten|utesluten|udeladt|utelatt|vynecháno|dahil edilmedi"
    "|tidak (?:disertakan|dimasukkan))|v[ií]deo (?:omitido|ocultado|não revelado)|vidéo absente|видео (?:отсутствует|пропущено)"
    "|відео відсутнє|wideo pominięte|đã bỏ video|[影视視][片频頻]已(?:略去|忽略|省略)|忽略视频|ビデオは含まれていません|비디오 생략됨"
    "|동영상 생략됨"
    "|لم يتم إدراج الفيديوهات|סרטון הווידאו הושמט|βίντεο παραλείφθηκε|वीडियो छोड़ा गया|video note omitted",
    Kind.VOICE: "audio (?:omitted|weggelassen|omitido|omis|omesso|weggelaten|pominięte|tidak (?:disertakan|dimasukkan))"
    "|áudio (?:ocultado|omitido)|ficheiro de áudio não revelado|(?:аудио|аудиофайл) (?:отсутствует|пропущен)|аудіо відсутнє"
    "|ses dahil edilmedi|ljud utelslutet|lyd (?:udeladt|utelatt)|zvukový soubor vynechán|bỏ qua tệp âm thanh|音[訊频頻]已(?:略去|忽略"
    "|省略)"
    "|語音已略去|音声は含まれていません|오디오 생략됨|لم يتم إدراج المقاطع الصوتية|קטע קול הושמט|ήχος παραλείφθηκε|ऑडियो हटाई गयी"
    "|<View once voice message omitted>",
    Kind.STICKER: "sticker (?:omitted|weggelassen|omitido|omis|non incluso|não revelado|weggelaten|utesluten)|figurinha omitida"
    "|стикер (?:не добавлен|пропущен)|наклейку не додано|çıkartma dahil edilmedi|pominięto naklejkę|klistermærke udeladt"
    "|klistremerke utelatt"
    "|nálepka vynechána|stiker tidak disertakan|đã bỏ sticker|[貼贴][圖图纸]已(?:略去|忽略|省略)|スタンプは含まれていません"
    "|스티커 (?:제외|생략)됨"
    "|تم حذف الملصقات|סטיקר הושמט|αυτοκόλλητο παραλήφθηκε|स्टिकर छोड़ा गया",
    Kind.CARD: "contact card omitted|Kontaktkarte (?:ausgelassen|weggelassen)|tarjeta de contacto omitida|fiche contact (?:manquante"
    "|omise)"
    "|scheda contatto omessa|cartão do contato omitido|contacto não revelado|visitekaartje weggelaten"
    "|карточка контакта (?:отсутствует|пропущена)"
    "|картка контакту відсутня|kişi kartı dahil edilmedi|pominięta wizytówka kontaktu|kontaktkort (?:uteslutet|udeladt|sløyfet)"
    "|vizitka vynechána|kartu kontak tidak disertakan|(?:聯絡人|联系人)卡片已(?:略去|忽略|省略)|連絡先カードを省略|연락처 카드 생략됨",
    Kind.FILE: "省略(?:影音内容|影音內容|多媒体文件|多媒體檔案)"
    "|document (?:omitted|manquant|weggelaten)|Dokument weggelassen|documento (?:omitido|omesso|não revelado|ocultado)"
    "|документ (?:отсутствует|пропущен|пропущено)|belge dahil edilmedi|dokument (?:pominięty|uteslutet|udeladt|vynechán)|utelatt dokument"
    "|dokumen tidak (?:disertakan|dimasukkan)|đã bỏ qua tài liệu|(?:文件|文档)已(?:略去|忽略|省略)|ドキュメントは含まれていません"
    "|문서 생략됨"
    "|لم يتم إدراج المستند|מסמך הושמט|<(?:Media omitted|Media weggelaten|Medien (?:ausgeschlossen|weggelassen|fehlen)"
    "|(?:Multimedia|Archivos?|Media) omitidos?|M[íi]dia (?:oculta|omitida)|Arquivo de m[íi]dia oculto|Ficheiro não revelado"
    "|(?:Médias?|Fichiers?) (?:omis|absents?|absente)|Media (?:omess[oi]|non inclusi)|Без медиафайлов|Файл пропущен|Медиафайл опущен"
    "|Без медіафайлів"
    "|Медіа пропущено|Medya (?:dahil edilmedi|atlanmış)|pliki pominięto|pominięto (?:multimedia|pliki)|Media har utelämnats"
    "|Mediefil udeladt|Uten vedlegg"
    "|Média vynechán[ay]|Media tidak disertakan|Media disingkirkan|Bỏ qua Media|省略(?:多媒体文件|影音内容|多媒體檔案?)"
    "|(?:已)?[忽省]略多媒[体體](?:文件|檔案?)"
    "|メディア(?:は含まれていません|なし)|미디어 (?:파일을 생략한 대화내용|파일 생략됨|제외됨)|تم استبعاد الوسائط|המדיה (?:הושמטה"
    "|לא נכללה|הוסרה)"
    "|Εξαίρεση πολυμέσων|मीडिया के बिना)>",
    Kind.LOCATION: "live location shared|Live-Standort wird geteilt|ubicación en tiempo real compartida|localisation en direct partagée"
    "|posizione attuale condivisa|localização (?:atual|em tempo real) compartilhada|live locatie gedeeld|共享实时位置|實時位置已分享"
    "|ライブロケーション共有|공유한 실시간 위치",
}
_DELETED = (
    r"(?:you deleted this message(?: as admin)?|this message was deleted(?: by admin.*)?|du hast diese Nachricht gelöscht"
    r"|diese Nachricht wurde(?: von .{1,60})? gelöscht|eliminaste este mensaje|se eliminó este mensaje|(?:este )?mensaje eliminado"
    r"|vous avez supprimé ce message|ce message a été supprimé|hai eliminato questo messaggio|(?:questo messaggio è stato"
    r"|messaggio) eliminato"
    r"|(?:você )?apagou esta mensagem|(?:você )?apagou essa mensagem|(?:esta |essa )?mensagem (?:foi )?apagada"
    r"|je hebt dit bericht verwijderd"
    r"|dit bericht (?:is|werd) verwijderd|вы удалили данное сообщение|(?:данное|это) сообщение удалено|ви видалили це повідомлення"
    r"|це повідомлення було видалено|bu mesajı sildiniz|bu mesaj silindi|usunięto tę wiadomość|ta wiadomość została usunięta"
    r"|anda menghapus pesan ini|pesan ini (?:telah )?dihapus|(?:您|你)(?:已)?(?:删除了|刪除了|删除|刪除)(?:此|这条|這則|本)(?:消息|訊息)"
    r"|(?:此|这条|這則|该|本)?(?:消息|訊息)已(?:被)?(?:管理员|管理員)?(?:删除|刪除)|(?:このメッセージは"
    r"|メッセージを)(?:削除されました|削除しました)"
    r"|(?:이 메시지는|이 메시지가|메시지가) 삭제(?:되었습니다|됐습니다)|(?:이 )?메시지를 삭제했습니다|تم حذف هذه الرسالة"
    r"|لقد حذفت هذه الرسالة"
    r"|הודעה זו נמחקה|מחקת את ההודעה|ההודעה נמחקה)[.。]?"
)
_EDITED = (
    "this message was edited|diese Nachricht wurde bearbeitet|(?:se editó este mensaje|este mensaje (?:fue editado|se editó))"
    "|ce message a été modifié|questo messaggio è stato modificato|(?:esta |essa )?mensagem (?:foi )?editada|dit bericht (?:is"
    "|werd) bewerkt"
    "|(?:данное|это) сообщение (?:изменено|отредактировано)|bu mesaj düzenlendi|ta wiadomość została (?:edytowana|zmieniona)"
    "|pesan ini (?:telah )?diedit|(?:此|这条|這則)?(?:消息|訊息)已(?:被)?(?:编辑|編輯)(?:过)?|このメッセージは編集されました"
    "|(?:이 메시지는 )?(?:수정|편집)(?:된 메시지|되었습니다|됐습니다)|تم تعديل هذه الرسالة|הודעה זו נערכה"
)
_CALLS = (
    r"(?:missed|silenced) (?:group )?(?:voice|video) call(?:[,.].*)?|(?:group )?(?:voice|video) call"
    r"|verpasster? (?:Sprach|Video)anruf|verpasster Gruppen\w+anruf"
    r"|(?:llamada|videollamada)(?: de voz| grupal)? perdida|appel (?:vocal|vidéo) manqué|(?:chiamata|videochiamata)(?: vocale)? persa"
    r"|chamada de (?:voz|v[íi]deo) perdida|gemiste? (?:spraak|video)(?:oproep|gesprek)|пропущенный (?:аудио|видео)звонок"
    r"|cevapsız (?:sesli|görüntülü) arama|nieodebrane poł\. \w+|未接(?:[語语]音|視像|视频|視訊)通[话話]|(?:音声|ビデオ)通話不在着信"
    r"|부재중 (?:음성|영상)\s?통화"
)
# English ones are whole sentences, since people begin theirs with the same words; what may follow is WhatsApp's next sentence.
_NOTICES = (
    r"(?:Messages (?:and calls|to this (?:chat|group)|you send to this).{0,60}(?:end-to-end encrypt(?:ed|ion)|secured)(?:\.(?: .*)?)?\s*\Z"
    r"|消息和通话已进行端到端加密"
    r"|你?发送给自己的消息已进行端到端"
    r"|訊息[和與]通話(?:[經已]|已受)端對端加密|Nachrichten und Anrufe sind Ende-zu-Ende|Los mensajes y las llamadas están cifrados"
    r"|Les messages et les appels sont chiffrés|I messaggi e le chiamate sono crittografati|As mensagens e (?:as )?chamadas são"
    r"|Berichten en gesprekken zijn end-to-end|Сообщения и звонки защищены|Повідомлення й дзвінки захищено|Mesajlar ve aramalar uçtan uca"
    r"|Wiadomości i połączenia są|Pesan dan panggilan dienkripsi|メッセージと通話はエンドツーエンド|메시지와 통화는? 종단간"
    r"|الرسائل والمكالمات مشفرة|ההודעות והשיחות מוצפנות"
    r"|Waiting for this message(?:\.(?: This may take .{1,60})?)?\s*\Z|正在等待此(?:消息|訊息)(?:[。，](?:这|這|此|可能).{1,40})?\s*\Z"
    r"|Warte auf diese Nachricht(?:\.(?: D\w+ kann .{1,60})?)?\s*\Z"
    r"|Your security code with .{1,80} changed(?:\.(?: (?:Tap|Click) .{1,60})?)?\s*\Z"
    r"|Disappearing messages (?:were|are) (?:now )?(?:turned )?(?:on|off)(?:\.(?: (?:New messages|Messages|Tap|Click) .{1,300})?)?\s*\Z)"
)
# What stands before a colon that belongs to the notice, after somebody's name.
_NOTICE_HEADS = (
    r"(?:changed (?:the|this) (?:group|subject|description|topic)|changed the \w+ (?:name|description|subject)|created (?:the "
    r"|this )?group|named the group"
    r"|hat (?:die Gruppe|den Gruppennamen|die Gruppenbeschreibung|den Betreff)|cambió (?:la descripción|el asunto|el nombre)"
    r"|creó el grupo"
    r"|(?:mudou|alterou) (?:a descrição|o nome|o assunto)|criou (?:o )?grupo|a (?:modifié|changé) (?:la description|le sujet|le nom"
    r"|l'objet)"
    r"|a créé (?:le|un) groupe|ha (?:cambiato|modificato) (?:la descrizione|l'oggetto|il nome)|ha creato il gruppo"
    r"|heeft (?:de groep|het onderwerp|de naam)|(?:изменил|сменил|создал)\w*(?:\(-?а\))? (?:описание|тему|название|групп)"
    r"|grup(?:un)? (?:açıklamasını|konusunu|adını)"
    r"|zmieni[łl]\w* (?:opis|temat|nazwę)|mengubah (?:deskripsi|subjek|nama)|(?:更改|修改|變更|变更|建立|創建|创建)(?:了)?(?:本|此|该"
    r"|這個|这个)?(?:群[组組聊]?|主[题題旨])"
    r"|がグループの?(?:説明|件名|名前)|님이 그룹 (?:설명|제목|이름))"
)
_ATTACHED_LABELS = (
    "attached|Anhang|angehängt|adjunto|archivo adjunto|anexado|anexo|pièce jointe|fichier joint|allegato|bijgevoegd|bijlage|вложено"
    "|прикреплено"
    "|вкладено|eklendi|ekli|załączono|bifogad|vedhæftet|vedlagt|přiloženo|terlampir|dilampirkan|附件|已附加|已附檔|添付ファイル|添付"
    "|첨부됨|첨부|첨부 파일|مرفق|مصور"
)
_BEHIND_FILE = (
    r"file attached|Datei angehängt|archivo adjunto|arquivo anexado|ficheiro anexado|fichier joint|file allegato|bestand bijgevoegd"
    r"|файл (?:добавлен|прикреплён|прикреплен)|файл додано|dosya ekli|załączono plik|plik załączony|fil bifogad|fil vedhæftet"
    r"|fil vedlagt|soubor byl přiložen"
    r"|(?:file|berkas) terlampir|fail dilampirkan|文件附件|附加檔案|檔案已附加|添付ファイル|파일 첨부됨|파일 첨부|ملف مرفق"
    r"|הקובץ מצורף|קובץ מצורף|फ़ाइल संलग्न"
)
_OWN_FILE = r"(?:IMG|VID|PTT|AUD|STK|DOC|GIF)-\d{8}-WA\d{4}\.\w{2,5}|\d{8}-(?:PHOTO|VIDEO|AUDIO|STICKER|GIF)-[\d-]+\.\w{2,5}"
_FILE = r"[^\n<>/\\\u200e]{1,200}?\.\w{1,5}"

_EVERY_OMITTED = "|".join(f"(?P<{kind.value}>{phrases})" for kind, phrases in OMITTED.items())
_PLACEHOLDER = re.compile(rf"(?:{_EVERY_OMITTED})[.。]?", re.I)
_DOCUMENT = re.compile(rf"(?P<file>{_FILE})(?: • [^\n]{{1,40}}?)? ?{MARK}(?:{OMITTED[Kind.FILE]})", re.I)
_WHOLE = re.compile(
    rf"(?:{_EVERY_OMITTED})[.。]?|(?P<recall>{_DELETED})|(?P<call>{_CALLS})|(?P<system>{_NOTICES}).*",
    re.I | re.S,
)
_EDIT_TAIL = re.compile(rf"\s*{MARK}?<(?:{_EDITED})[.。]?>\s*\Z|\s*{MARK}<[^<>\n:：]{{5,60}}>\s*\Z", re.I)
_IS_CALL = re.compile(_CALLS, re.I)
_MARKED_CALL = re.compile(r"(?:group )?(?:voice|video) call[,.].*", re.I)
_IS_NOTICE = re.compile(_NOTICES, re.I)
_IS_NOTICE_HEAD = re.compile(rf".*\S ?{_NOTICE_HEADS}", re.I | re.S)
_ATTACHED = re.compile(
    rf"{MARK}?<(?:{_ATTACHED_LABELS})\s?[:：]\s?(?P<file>{_FILE})>|{MARK}<[^<>:：\n]{{2,30}}[:：]\s?(?P<other>{_FILE})>", re.I
)
_FILE_LINE = re.compile(rf"(?P<file>{_FILE}) \((?:{_BEHIND_FILE})\)|(?P<own>{_OWN_FILE}) \([^()\n]{{3,40}}\)", re.I)
_LOCATION = re.compile(
    r"(?:[\w\s-]{2,30}[:：]\s?)?https?://(?:maps\.google\.com/|(?:www\.)?google\.\w+/maps|maps\.apple\.com/|goo\.gl/maps"
    r"|foursquare\.com/)\S*"
)
_POLL = re.compile(
    rf"POLL:\n.*\nOPTION: .{{1,300}} \({MARK}?\d+ votes?{MARK}?\)"
    rf"|{MARK}?(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|SONDAGGIO|ENQUETE|PEILING|ОПРОС|ANKET|投票|アンケート|투표|JAJAK PENDAPAT)[:：].*{MARK}",
    re.S,
)
_MENTION = re.compile(r"@\u2068(?P<name>[^\u2068\u2069\n]{1,80})\u2069|@(?P<number>\d{7,15})\b")
_LONGEST_PHRASE = 400
_KIND_IN_NAME = {"STK": Kind.STICKER, "STICKER": Kind.STICKER, "PTT": Kind.VOICE, "AUD": Kind.VOICE, "AUDIO": Kind.VOICE}


def _first_letters(pattern: str) -> frozenset[str]:
    """The letters that a match may begin with, and some more: most texts begin otherwise, and need no look at all the phrases."""
    letters = set(re.findall(r"(?:\A|\||\(\?:|\))\??([^\W\d_]|<)", pattern)) | set("".join(re.findall(r"\[([^\]]*)\]", pattern)))
    return frozenset("".join(letters).lower() + "".join(letters).upper())


_FIRST_LETTERS = _first_letters("|".join((*OMITTED.values(), _DELETED, _CALLS, _NOTICES)))


class Content(NamedTuple):
    """What stands behind a name."""

    kind: Kind
    text: str  # own words
    quoted: str = ""
    attachments: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


def read_content(written: str, *, is_ios: bool = True) -> Content:
    """Kind, own words and files of a message as written, marks and all. `is_ios`: a mark at the beginning is the program's."""
    is_marked = MARK in written
    bare = (written.replace(MARK, "") if is_marked else written).strip("\u200f \t\r\n\u00a0")
    if not bare or bare == "null":  # Android writes the word for a message that holds nothing it can export
        return Content(Kind.UNKNOWN, "")
    if (kind := _kind_of_whole(bare)) is not None:
        return Content(kind, bare if kind is Kind.SYSTEM else "")
    if (is_marked or written.startswith("POLL:\n")) and _POLL.match(written.strip()):
        return Content(Kind.CARD, "", bare)
    kind, files, words = _apart(_EDIT_TAIL.sub("", written) if bare[-1] == ">" else written)
    if is_marked and not files and kind is None and written.lstrip().startswith(MARK):
        if _MARKED_CALL.fullmatch(bare) or (is_ios and _IS_CALL.match(bare)):
            return Content(Kind.CALL, "")
        if is_ios:
            return Content(Kind.SYSTEM, bare)
    words = words.strip()
    found = _MENTION.finditer(words) if "@" in words else ()
    mentions = tuple(dict.fromkeys(mention["name"] or mention["number"] for mention in found))
    return Content(Kind.TEXT if words else kind or Kind.UNKNOWN, words, "", files, mentions)


def is_notice(text: str) -> bool:
    """Whether a text that carries a name is the program's all the same."""
    return _IS_NOTICE.match(text.replace(MARK, "").lstrip()) is not None


def is_notice_head(name: str) -> bool:
    """Whether what stands before a colon is no name but the beginning of a notice: `小红更改了群组说明`."""
    return len(name) > 6 and _IS_NOTICE_HEAD.match(name) is not None


def _kind_of_whole(text: str) -> Kind | None:
    """The kind of a text that is nothing but the program's phrase."""
    if len(text) > _LONGEST_PHRASE or "\n" in text:
        return Kind.SYSTEM if text[0] in _FIRST_LETTERS and is_notice(text) else None
    found = _WHOLE.fullmatch(text) if text[0] in _FIRST_LETTERS else None
    if found is not None and found.lastgroup is not None:
        return Kind(found.lastgroup)
    return Kind.LOCATION if "://" in text and _LOCATION.fullmatch(text) else None


def _apart(written: str) -> tuple[Kind | None, tuple[str, ...], str]:
    """The kind of the medium, file names, and the words beside them: a caption stands before, behind or below."""
    if "<" in written and (files := [found["file"] or found["other"] for found in _ATTACHED.finditer(written)]):
        return _kind_of(files[0]), tuple(name.strip() for name in files), _ATTACHED.sub("", written)
    first, line_end, below = written.lstrip(MARK + "\u200f").partition("\n")
    first = first.strip()
    if first[-1:] == ")" and (found := _FILE_LINE.fullmatch(first)) is not None:
        name = (found["file"] or found["own"]).strip()
        return _kind_of(name), (name,), below
    if line_end and (omitted := _PLACEHOLDER.fullmatch(first)) is not None:
        return Kind(omitted.lastgroup or Kind.FILE), (), below
    if MARK not in written:
        return None, (), written
    if (document := _DOCUMENT.fullmatch(first)) is not None:
        return Kind.FILE, (document["file"].strip(),), below
    words, _, last = written.rpartition(MARK)
    if words.strip(MARK) and (omitted := _PLACEHOLDER.fullmatch(last.strip())) is not None:
        return Kind(omitted.lastgroup or Kind.FILE), (), words
    return None, (), written


def _kind_of(name: str) -> Kind:
    told = next((kind for part, kind in _KIND_IN_NAME.items() if name.upper().startswith(f"{part}-") or f"-{part}-" in name.upper()), None)
    return told or (Kind.CARD if name.lower().endswith(".vcf") else kind_of_file(name))
