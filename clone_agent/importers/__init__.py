"""The chat exports that can be read, one file a format, and the table of them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.errors import AmbiguousError, ExportError, UsageError
from clone_agent.importers import (
    chatlab,
    discord_json,
    discord_package,
    generic_csv,
    generic_jsonl,
    google_chat_json,
    imessage_db,
    imessage_txt,
    kakaotalk_txt,
    line_txt,
    meta_json,
    qce_chunked,
    qce_html,
    qce_json,
    qce_tab_txt,
    qce_txt,
    qce_viewer,
    qq_clipboard,
    qq_pc_mht,
    qq_pc_txt,
    qq_root_txt,
    qqnt_db,
    qqnt_export_json,
    qqnt_export_txt,
    signal_export_md,
    signal_sigtop_json,
    signal_sigtop_txt,
    slack_zip,
    sms_xml,
    telegram_html,
    telegram_json,
    wechat_chatlog_csv,
    wechat_chatlog_json,
    wechat_dump_txt,
    wechat_keeper_json,
    wechat_mail_text,
    wechat_memotrace_csv,
    wechat_memotrace_old_csv,
    wechat_memotrace_txt,
    wechat_pywxdump_csv,
    wechat_pywxdump_json,
    wechat_weflow_json,
    wechat_weflow_txt,
    whatsapp_txt,
)
from clone_agent.importers.encrypted import refusal
from clone_agent.importers.finding import candidates, exports_in
from clone_agent.importers.format import Format, ReadOptions, Record, head_of, system_zone
from clone_agent.importers.source import FolderTree, Source
from clone_agent.importers.zips import ZipTree, is_zip
from clone_agent.records import Message, Skipped

FORMATS: tuple[Format, ...] = (
    Format(
        name="qq_pc_txt",
        title="QQ for Windows, TIM: text",
        how_to_export="消息管理器 → right click a contact → 导出消息记录 → 文本文件 (*.txt); or 导出全部消息记录",
        matches=qq_pc_txt.matches,
        read=qq_pc_txt.read,
    ),
    Format(
        name="qq_mht",
        title="QQ for Windows, TIM: MHT",
        how_to_export="消息管理器 → right click a contact → 导出消息记录 → 网页格式 (*.mht)",
        matches=qq_pc_mht.matches,
        read=qq_pc_mht.read,
    ),
    Format(
        name="qce_json",
        title="QQ Chat Exporter: JSON",
        how_to_export="QQ Chat Exporter (QQNT) → export → JSON",
        matches=qce_json.matches,
        read=qce_json.read,
        names_zone=True,
    ),
    Format(
        name="qce_chunked",
        title="QQ Chat Exporter: chunked JSONL",
        how_to_export="QQ Chat Exporter (QQNT) → export → chunked JSONL; name the folder that holds manifest.json",
        matches=qce_chunked.matches,
        read=qce_chunked.read,
        names_zone=True,
    ),
    Format(
        name="wechat_pywxdump_csv",
        title="WeChat: CSV of PyWxDump, WeClone or WeFlow",
        how_to_export="The CSV files that the tool wrote, with users.json beside them",
        matches=wechat_pywxdump_csv.matches,
        read=wechat_pywxdump_csv.read,
    ),
    Format(
        name="wechat_pywxdump_json",
        title="WeChat: JSON of PyWxDump",
        how_to_export="The JSON files that the tool wrote, with users.json beside them",
        matches=wechat_pywxdump_json.matches,
        read=wechat_pywxdump_json.read,
    ),
    Format(
        name="wechat_weflow_json",
        title="WeChat: JSON of WeFlow or EchoTrace",
        how_to_export="WeFlow or EchoTrace → a chat → export → JSON",
        matches=wechat_weflow_json.matches,
        read=wechat_weflow_json.read,
        names_zone=True,
    ),
    Format(
        name="wechat_weflow_txt",
        title="WeChat: text of WeFlow",
        how_to_export="WeFlow → a chat → export → TXT",
        matches=wechat_weflow_txt.matches,
        read=wechat_weflow_txt.read,
    ),
    Format(
        name="wechat_memotrace_csv",
        title="WeChat: CSV of MemoTrace",
        how_to_export="MemoTrace → a chat → CSV; the file, or the zip with 聊天记录 in it",
        matches=wechat_memotrace_csv.matches,
        read=wechat_memotrace_csv.read,
    ),
    Format(
        name="wechat_memotrace_old_csv",
        title="WeChat: CSV of MemoTrace, older columns",
        how_to_export="MemoTrace (WeChatMsg) → a chat, or everything → CSV",
        matches=wechat_memotrace_old_csv.matches,
        read=wechat_memotrace_old_csv.read,
    ),
    Format(
        name="wechat_memotrace_txt",
        title="WeChat: text of MemoTrace",
        how_to_export="MemoTrace (WeChatMsg) → a chat → TXT; the file, or the zip with 聊天记录 in it",
        matches=wechat_memotrace_txt.matches,
        read=wechat_memotrace_txt.read,
    ),
    Format(
        name="wechat_chatlog_json",
        title="WeChat: JSON of chatlog",
        how_to_export="chatlog → /api/v1/chatlog?talker=…&time=…&format=json",
        matches=wechat_chatlog_json.matches,
        read=wechat_chatlog_json.read,
    ),
    Format(
        name="wechat_chatlog_csv",
        title="WeChat: CSV of chatlog",
        how_to_export="chatlog → /api/v1/chatlog?talker=…&format=csv; better format=json",
        matches=wechat_chatlog_csv.matches,
        read=wechat_chatlog_csv.read,
    ),
    Format(
        name="wechat_keeper_json",
        title="WeChat: JSON of chatlog-keeper",
        how_to_export="The JSON or JSON Lines that chatlog-keeper wrote",
        matches=wechat_keeper_json.matches,
        read=wechat_keeper_json.read,
    ),
    Format(
        name="wechat_dump_txt",
        title="WeChat: text of wechat-dump",
        how_to_export="wechat-dump → dump-msg.py",
        matches=wechat_dump_txt.matches,
        read=wechat_dump_txt.read,
    ),
    Format(
        name="wechat_mail_text",
        title="WeChat: text of chosen messages, by mail or shared",
        how_to_export="WeChat → long press a message → 多选 → 邮件; save the mail's text",
        matches=wechat_mail_text.matches,
        read=wechat_mail_text.read,
    ),
    Format(
        name="whatsapp_txt",
        title="WhatsApp: text, or the zip",
        how_to_export="WhatsApp → a chat → ⋮ or its name → Export chat; the zip as it is, or the .txt in it",
        matches=whatsapp_txt.matches,
        read=whatsapp_txt.read,
    ),
    Format(
        name="telegram_json",
        title="Telegram: result.json",
        how_to_export="Telegram Desktop → a chat → ⋮ → Export chat history, or Settings → Advanced → Export Telegram data → JSON",
        matches=telegram_json.matches,
        read=telegram_json.read,
        names_zone=True,
    ),
    Format(
        name="chatlab",
        title="ChatLab: JSON or JSONL",
        how_to_export="ChatLab → export, or any program that writes ChatLab's standard format",
        matches=chatlab.matches,
        read=chatlab.read,
        names_zone=True,
    ),
    Format(
        name="qce_txt",
        title="QQ Chat Exporter: text",
        how_to_export="QQ Chat Exporter (QQNT) → export → TXT; better JSON",
        matches=qce_txt.matches,
        read=qce_txt.read,
    ),
    Format(
        name="qce_tab_txt",
        title="QQ Chat Exporter V2, V3: text with TABs",
        how_to_export="The text file that the old version wrote; better JSON of a new one",
        matches=qce_tab_txt.matches,
        read=qce_tab_txt.read,
    ),
    Format(
        name="discord_json",
        title="Discord: JSON of DiscordChatExporter",
        how_to_export="DiscordChatExporter → a channel → export → JSON",
        matches=discord_json.matches,
        read=discord_json.read,
        names_zone=True,
    ),
    Format(
        name="discord_package",
        title="Discord: your own data package",
        how_to_export="Discord → User Settings → Data & Privacy → Request Data; the zip or messages.json of a channel",
        matches=discord_package.matches,
        read=discord_package.read,
    ),
    Format(
        name="qqnt_export_txt",
        title="QQ: text of QQNT_Export",
        how_to_export="QQNT_Export → TXT; the file is named after the chat",
        matches=qqnt_export_txt.matches,
        read=qqnt_export_txt.read,
    ),
    Format(
        name="qqnt_export_json",
        title="QQ: JSON of QQNT_Export",
        how_to_export="QQNT_Export → JSON; the file is named after the chat",
        matches=qqnt_export_json.matches,
        read=qqnt_export_json.read,
    ),
    Format(
        name="qqnt_db",
        title="QQ: nt_msg.db, decrypted",
        how_to_export="The decrypted nt_msg.db, with profile_info.db and group_info.db beside it",
        matches=qqnt_db.matches,
        read=qqnt_db.read,
        names_zone=True,
    ),
    Format(
        name="qq_root_txt",
        title="QQ on Android: text of QQRootFastDecrypt",
        how_to_export="python export_chats.py of QQRootFastDecrypt → .txt",
        matches=qq_root_txt.matches,
        read=qq_root_txt.read,
    ),
    Format(
        name="qq_clipboard",
        title="QQ: messages copied out of a window",
        how_to_export="QQ → mark messages → copy; paste them into a text file",
        matches=qq_clipboard.matches,
        read=qq_clipboard.read,
    ),
    Format(
        name="generic_csv",
        title="Any CSV with columns for time, sender and text",
        how_to_export="Any table saved as CSV; name the columns with --columns where their names do not tell",
        matches=generic_csv.matches,
        read=generic_csv.read,
    ),
    Format(
        name="generic_jsonl",
        title="Any JSON Lines with keys for time, sender and text",
        how_to_export="One object a line; name the keys with --columns where their names do not tell",
        matches=generic_jsonl.matches,
        read=generic_jsonl.read,
    ),
    Format(
        name="line_txt",
        title="LINE: text",
        how_to_export="LINE → a chat → ≡ → Settings → Export chat history",
        matches=line_txt.matches,
        read=line_txt.read,
    ),
    Format(
        name="kakaotalk_txt",
        title="KakaoTalk: text",
        how_to_export="KakaoTalk → a chat → ≡ → Settings → Export chat messages → text",
        matches=kakaotalk_txt.matches,
        read=kakaotalk_txt.read,
    ),
    Format(
        name="signal_sigtop_txt",
        title="Signal: text of sigtop",
        how_to_export="sigtop export-messages -f text",
        matches=signal_sigtop_txt.matches,
        read=signal_sigtop_txt.read,
    ),
    Format(
        name="signal_sigtop_json",
        title="Signal: JSON of sigtop",
        how_to_export="sigtop export-messages -f json",
        matches=signal_sigtop_json.matches,
        read=signal_sigtop_json.read,
        names_zone=True,
    ),
    Format(
        name="signal_export_md",
        title="Signal: text of signal-export",
        how_to_export="signal-export; the folder of each chat holds chat.md or index.md",
        matches=signal_export_md.matches,
        read=signal_export_md.read,
    ),
    Format(
        name="meta_json",
        title="Messenger, Instagram: JSON",
        how_to_export="Accounts Centre → Download your information → messages → JSON",
        matches=meta_json.matches,
        read=meta_json.read,
        names_zone=True,
    ),
    Format(
        name="sms_xml",
        title="SMS Backup & Restore: XML",
        how_to_export="SMS Backup & Restore (Android) → Back up now → the file sms-….xml",
        matches=sms_xml.matches,
        read=sms_xml.read,
        names_zone=True,
    ),
    Format(
        name="slack_zip",
        title="Slack: export of a workspace",
        how_to_export="Slack → Workspace settings → Import/Export data → Export; the zip or its folder",
        matches=slack_zip.matches,
        read=slack_zip.read,
        names_zone=True,
    ),
    Format(
        name="google_chat_json",
        title="Google Chat: messages.json of Takeout",
        how_to_export="takeout.google.com → Google Chat; the zip, or messages.json of a chat",
        matches=google_chat_json.matches,
        read=google_chat_json.read,
    ),
    Format(
        name="imessage_db",
        title="iMessage: chat.db of a Mac, sms.db of a backup",
        how_to_export="Copy ~/Library/Messages/chat.db with its -wal file, or sms.db out of an unencrypted backup",
        matches=imessage_db.matches,
        read=imessage_db.read,
        names_zone=True,
    ),
    Format(
        name="imessage_txt",
        title="iMessage: text of imessage-exporter",
        how_to_export="imessage-exporter -f txt",
        matches=imessage_txt.matches,
        read=imessage_txt.read,
    ),
    Format(
        name="qce_html",
        title="QQ Chat Exporter: HTML",
        how_to_export="QQ Chat Exporter (QQNT) → export → HTML; better JSON",
        matches=qce_html.matches,
        read=qce_html.read,
    ),
    Format(
        name="qce_viewer",
        title="QQ Chat Exporter: HTML with a viewer",
        how_to_export="QQ Chat Exporter (QQNT) → export → chunked HTML; name the folder that holds data; better JSON",
        matches=qce_viewer.matches,
        read=qce_viewer.read,
    ),
    Format(
        name="telegram_html",
        title="Telegram: messages.html",
        how_to_export="Telegram Desktop → a chat → ⋮ → Export chat history → HTML; better JSON",
        matches=telegram_html.matches,
        read=telegram_html.read,
    ),
)


def detect(path: Path, *, format_name: str | None = None) -> Format:
    """The format of an export: the one that recognises it.

    Args:
        path: a file, a folder-shaped export, or a zip with exports of one format.
        format_name: take this format without a test.

    Raises:
        ExportError: none recognises it, or more than one.
    """
    found = formats_of(path, format_name=format_name)
    if len(found) != 1:
        raise ExportError(f"{path.name} holds {_names(found, ' and ') or 'no chat export'}.", remedy="Name one of the exports in it.")
    return found[0]


def formats_of(path: Path, *, format_name: str | None = None) -> tuple[Format, ...]:
    """The formats of everything in an export: one, or more where it is a zip. Errors as those of `detect`."""
    sources = (source for source in _sources(path, format_name) if isinstance(source, Source))
    return tuple({one.name: one for one in (_format_of(source, format_name) for source in sources)}.values())


def read_export(
    path: Path, *, timezone: ZoneInfo | None = None, format_name: str | None = None, columns: Mapping[str, str] | None = None
) -> Iterator[Record]:
    """Read one export: a file, a folder-shaped export, or a zip with any number of exports.

    Args:
        path: where it lies.
        timezone: of times that name none; the system's by default.
        format_name: take this format without a test.
        columns: of a table that no known program wrote, field to column (`columns.FIELDS`), where the names do not tell.

    Raises:
        ExportError: not recognised, unreadable, or without a single message.
    """
    options = ReadOptions(timezone=timezone or system_zone(), columns=columns or {})
    has_messages = False
    for source in _sources(path, format_name):
        if isinstance(source, Skipped):
            yield source
            continue
        for record in _format_of(source, format_name).read(source, options):
            has_messages = has_messages or isinstance(record, Message)
            yield record
    if not has_messages:
        raise ExportError(
            f"{path.name} holds no message that can be read.", remedy="Export the chat again, or name its format with --format."
        )


def find_exports(path: Path) -> Iterator[Path | Skipped]:
    """Every export below a folder, and a `Skipped` for every file that is none. Links are not followed."""
    if not path.is_dir():
        yield path
        return
    for source in exports_in(FolderTree(path), formats=FORMATS, are_zips_opened=True):
        yield source if isinstance(source, Skipped) else path / source.path


def _sources(path: Path, format_name: str | None) -> Iterator[Source | Skipped]:
    if is_zip(path):
        return exports_in(ZipTree(path), formats=FORMATS, are_zips_opened=False)
    if not path.exists():
        raise ExportError(f"{path} does not exist.", remedy="Check the path.")
    return iter((Source(tree=FolderTree(path), path="") if path.is_dir() else Source.of_file(path),))


def _format_of(source: Source, format_name: str | None) -> Format:
    if format_name is not None:
        named = next((one for one in FORMATS if one.name == format_name), None)
        if named is None:
            raise UsageError(f"There is no format {format_name}.", remedy=f"Formats are: {_names(FORMATS)}.")
        return named
    found = candidates(source, FORMATS)
    if len(found) == 1:
        return found[0]
    if found:
        choices = tuple(one.name for one in found)
        raise AmbiguousError(f"{source.name} may be {' or '.join(choices)}.", remedy="Say which with --format.", choices=choices)
    if (known := refusal(head_of(source))) is not None:
        raise ExportError(f"{source.name} {known.problem}.", remedy=known.remedy)
    if source.is_folder:
        raise ExportError(f"{source.name} is a folder, and no export as a whole.", remedy="Name an export in it, or import the folder.")
    raise ExportError(
        f"{source.name} is not recognised.", remedy=f"What is read: {_names(FORMATS)}. Name one with --format if you are sure."
    )


def _names(formats: Iterable[Format], between: str = ", ") -> str:
    return between.join(one.name for one in formats)
