"""A document as Markdown with its charts as files, and as one HTML page that loads nothing.

Tables of people's words are written apart, so that they can go, and the figures stay, when something is forgotten (`leftovers.SHOWN`).
"""

import re
from dataclasses import replace
from html import escape
from pathlib import Path

from clone_agent.leftovers import SHOWN
from finetune.files import write_lines
from ui.report.charts import Chart
from ui.report.document import Block, Code, Document, Heading, Paragraph, Points, Table

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#24292f;background:#fff}}
.wide{{overflow-x:auto}}table{{border-collapse:collapse;font-size:14px}}td,th{{text-align:left;
padding:.25rem .6rem;border-bottom:1px solid #d0d7de}}
td.n,th.n{{text-align:right;font-variant-numeric:tabular-nums}}pre{{background:#f6f8fa;padding:.6rem;overflow-x:auto}}svg{{max-width:100%;height:auto}}
@media(prefers-color-scheme:dark){{body{{color:#e6edf3;background:#0d1117}}td,th{{border-color:#3d444d}}pre{{background:#161b22}}}}
</style></head><body><h1>{title}</h1>
{body}
</body></html>"""
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def write_report(document: Document, folder: Path, name: str) -> list[Path]:
    """Write `NAME.md`, `NAME.html` and a folder `NAME/` of charts, all readable by the user alone; returns the first two.

    People's words are in `NAME.words.md` and `NAME.words.html`, which are returned, too, where there are any.
    """
    for block in document.blocks:
        if isinstance(block, Chart):
            write_lines(folder / name / f"{block.name}.svg", [block.svg()])
    words = [block for block in document.blocks if isinstance(block, Table) and block.is_text]
    place = Paragraph(f"In {name}{SHOWN}.md, which goes when something is forgotten.")
    rest = [place if isinstance(block, Table) and block.is_text else block for block in document.blocks]
    written = _write(replace(document, blocks=rest), folder, name, charts=name)
    if words:
        return [*written, *_write(replace(document, blocks=words), folder, f"{name}{SHOWN}", charts=name)]
    for ending in (".md", ".html"):
        (folder / f"{name}{SHOWN}{ending}").unlink(missing_ok=True)  # of an earlier run
    return written


def _write(document: Document, folder: Path, name: str, *, charts: str) -> list[Path]:
    markdown, page = folder / f"{name}.md", folder / f"{name}.html"
    write_lines(markdown, [to_markdown(document, charts=charts)])
    write_lines(page, [to_html(document)])
    return [markdown, page]


def to_markdown(document: Document, *, charts: str) -> str:
    """The document as Markdown; charts are images in the folder `charts`."""
    return "\n\n".join([f"# {_plain(document.title)}", *(_markdown(block, charts) for block in document.blocks)])


def to_html(document: Document) -> str:
    """The document as one page."""
    return _PAGE.format(title=escape(document.title), body="\n".join(map(_html, document.blocks)))


def _markdown(block: Block, charts: str) -> str:
    match block:
        case Heading():
            return f"## {_plain(block.text)}"
        case Paragraph():
            return _plain(block.text)
        case Code():
            return f"```\n{block.text}\n```"
        case Points():
            return "\n".join(f"- {_lead(_plain(point), '**')}" for point in block.points)
        case Chart():
            return f"![{_plain(block.title)}]({charts}/{block.name}.svg)"
        case Table():
            line = "|".join("---" if block.is_text or not number else "--:" for number in range(len(block.columns)))
            rows = ["|".join(map(_cell, row)) for row in (block.columns, *block.rows)]
            return "\n".join(f"|{row}|" for row in (rows[0], line, *rows[1:]))


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h2>{escape(block.text)}</h2>"
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Points():
            return "<ul>" + "".join(f"<li>{_lead(escape(point), '<b>', '</b>')}</li>" for point in block.points) + "</ul>"
        case Chart():
            return f'<p class="wide">{block.svg()}</p>'
        case Table():
            head = "".join(f"<th{_class(block, number)}>{escape(name)}</th>" for number, name in enumerate(block.columns))
            rows = "".join(f"<tr>{''.join(_cells(block, row))}</tr>" for row in block.rows)
            return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cells(table: Table, row: object) -> list[str]:
    assert isinstance(row, list | tuple)
    return [f"<td{_class(table, number)}>{escape(cell).replace(chr(10), '<br>')}</td>" for number, cell in enumerate(row)]


def _class(table: Table, number: int) -> str:
    return ' class="n"' if number and not table.is_text else ""


def _lead(text: str, before: str, after: str | None = None) -> str:
    """Set off what stands before the first colon."""
    lead, colon, rest = text.partition(": ")
    return f"{before}{lead}{after or before}: {rest}" if colon else text


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _cell(text: str) -> str:
    return _plain(text).replace("\n", "<br>")
