"""What a report holds. Words are plain text: the writers escape them for their format."""

from collections.abc import Sequence
from dataclasses import dataclass

from ui.report.charts import Chart


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second level."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A command to copy."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list; what stands before the first colon of a point is set off."""

    points: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below column names; all columns but the first hold figures unless `is_text`, which is for people's words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_text: bool = False


Block = Heading | Paragraph | Code | Points | Table | Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report."""

    title: str
    blocks: Sequence[Block]
