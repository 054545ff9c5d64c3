"""The XML inside WeChat's own rows: what an app message says, whom it quotes, what a system row tells.

    <msg><appmsg><title>好的</title><type>57</type>
      <refermsg><type>1</type><svrid>8101</svrid><displayname>小红</displayname><content>在吗</content></refermsg></appmsg></msg>

Tools cut these rows off, escape them twice or drop their heads, so single elements are looked for and no tree is built.
"""

import re
from dataclasses import dataclass
from html import unescape

from clone_agent.importers.wechat_kinds import APP, kind_of_number
from clone_agent.records import Kind

_LONGEST = 200_000  # characters looked at
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.S)
_TAG = re.compile(r"<[^<>]{1,2000}>")
_REFERENCE = re.compile(r"<refermsg>(.*?)(?:</refermsg>|\Z)", re.S)
_HIDDEN = re.compile(r"<(?:link_plain|template|separator)>.{0,2000}?</(?:link_plain|separator)>", re.S)
_IS_XML = re.compile(r"\s*(?:<\?xml|<msg\b|<appmsg\b|<sysmsg\b|<revokemsg\b|<voipmsg|<location\b|<emoji\b|&lt;(?:\?xml|msg|appmsg))")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMessage:
    """What an app message says."""

    kind: Kind
    text: str = ""  # own words: of a reply
    quoted: str = ""  # other people's words: the message replied to, a card's title
    reply_to: str | None = None
    attachments: tuple[str, ...] = ()


def is_xml(text: str) -> bool:
    """Whether a cell holds one of WeChat's documents and no words."""
    return _IS_XML.match(text) is not None


def read_app_message(xml: str, *, sub_type: int = 0) -> AppMessage:
    """Read an app message.

    Args:
        xml: the document, whole or cut off, plain or escaped once more.
        sub_type: of its own column, where the tool has one; else the document's `<type>` counts.
    """
    xml = xml[:_LONGEST]
    if xml.lstrip().startswith("&lt;"):
        xml = unescape(xml)
    reference = _REFERENCE.search(xml)
    own = xml[: reference.start()] + xml[reference.end() :] if reference else xml
    told = _element(own, "type")
    kind = kind_of_number(APP, sub_type or (int(told) if told.isdecimal() else 0))
    if reference is not None:
        kind = Kind.REPLY
    title = _element(own, "title")
    if kind is Kind.REPLY:
        return _reply(title, reference[1] if reference else "")
    if kind is Kind.FILE:
        return AppMessage(kind=kind, attachments=(title,) if title else ())
    if kind is Kind.SYSTEM:
        return AppMessage(kind=kind, text=title)
    is_shared = kind in {Kind.CARD, Kind.FORWARD}
    return AppMessage(kind=kind, quoted="\n".join(part for part in (title, _element(own, "des")) if part) if is_shared else "")


def plain(xml: str) -> str:
    """The words of a system row, without its elements."""
    if "<" not in xml and "&" not in xml:
        return xml.strip()
    text = _CDATA.sub(lambda found: found[1], xml[:_LONGEST])
    text = _HIDDEN.sub("", text) if "<sysmsg" in text else text
    return unescape(_TAG.sub("", text)).strip()


def _reply(title: str, reference: str) -> AppMessage:
    number = _element(reference, "svrid")
    content = _element(reference, "content")
    quoted = _element(content, "title") if is_xml(content) else content
    return AppMessage(
        kind=Kind.REPLY if title else Kind.UNKNOWN, text=title, quoted=quoted, reply_to=number if number.strip("0").isdecimal() else None
    )


def _element(xml: str, name: str) -> str:
    """The text of the first such element; "" where there is none or it is cut off."""
    found = re.search(rf"<{name}>(.*?)</{name}>", xml, re.S)
    if found is None:
        return ""
    cdata = _CDATA.fullmatch(found[1].strip())
    return (cdata[1] if cdata else unescape(found[1])).strip()
