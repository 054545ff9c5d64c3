"""Bar charts as SVG: readable on light and dark ground, as a file of their own and inside a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _VALUES = 720, 150, 70
_BAR, _GAP, _TOP = 14, 12, 58
_STYLE = """
.bt{font:13px system-ui,sans-serif}.bt text{fill:#24292f}.bt .s0{fill:#8c959f}.bt .s1{fill:#0969da}.bt .a{stroke:#d0d7de}
.bt .m{stroke:#cf222e;stroke-dasharray:4 3}.bt .mt{fill:#cf222e}.bt .h{font-weight:600}
@media(prefers-color-scheme:dark){.bt text{fill:#e6edf3}.bt .s0{fill:#6e7681}.bt .s1{fill:#58a6ff}.bt .a{stroke:#3d444d}
.bt .m{stroke:#ff7b72}.bt .mt{fill:#ff7b72}}
""".replace("\n", "")


@dataclass(frozen=True, slots=True)
class Bars:
    """One group of bars: a label, and for each series a value (None: not measured) with how to write it."""

    label: str
    values: Sequence[tuple[float | None, str]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart; lines across it mark values to compare with."""

    name: str  # of its file
    title: str
    series: Sequence[str]  # at most two
    groups: Sequence[Bars]
    marks: Sequence[tuple[float, str]] = ()
    maximum: float | None = None  # of the axis; None: the largest value

    def svg(self) -> str:
        """The chart as an SVG element with its own style."""
        values = [value for group in self.groups for value, _ in group.values if value is not None]
        most = self.maximum or max([*values, *(value for value, _ in self.marks)], default=1) or 1
        step = len(self.series) * _BAR + _GAP
        height = _TOP + step * len(self.groups) + 8
        parts = [f'<text class="h" x="0" y="16">{escape(self.title)}</text>', *self._legend()]
        for number, group in enumerate(self.groups):
            parts += self._group(group, top=_TOP + number * step, most=most)
        parts.append(f'<line class="a" x1="{_LABELS}" x2="{_LABELS}" y1="{_TOP - 4}" y2="{height - 8}"/>')
        for row, (value, label) in enumerate(self.marks):
            parts += self._mark(value, label, most=most, height=height, is_low=bool(row % 2))
        return (
            f'<svg class="bt" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
            f'role="img" aria-label="{escape(self.title)}"><style>{_STYLE}</style>{"".join(parts)}</svg>'
        )

    def _legend(self) -> list[str]:
        if len(self.series) < 2:
            return []
        parts, left = [], 0
        for number, name in enumerate(self.series):
            parts.append(
                f'<rect class="s{number}" x="{left}" y="25" width="10" height="10"/><text x="{left + 15}" y="34">{escape(name)}</text>'
            )
            left += 40 + 8 * len(name)
        return parts

    def _group(self, group: Bars, *, top: int, most: float) -> list[str]:
        middle = top + len(group.values) * _BAR / 2 + 4
        parts = [f'<text x="{_LABELS - 8}" y="{middle:.0f}" text-anchor="end">{escape(group.label)}</text>']
        for number, (value, written) in enumerate(group.values):
            y = top + number * _BAR
            wide = 0.0 if value is None else _scaled(value, most)
            series = number if len(self.series) > 1 else 1
            if value is not None:
                parts.append(f'<rect class="s{series}" x="{_LABELS}" y="{y}" width="{wide:.1f}" height="{_BAR - 2}"/>')
            parts.append(f'<text x="{_LABELS + wide + 5:.1f}" y="{y + _BAR - 3}" font-size="11">{escape(written)}</text>')
        return parts

    def _mark(self, value: float, label: str, *, most: float, height: int, is_low: bool) -> list[str]:
        x = _LABELS + _scaled(value, most)
        anchor = "end" if x > _WIDTH / 2 else "start"
        return [
            f'<line class="m" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 8}"/>',
            f'<text class="mt" x="{x:.1f}" y="{_TOP - 8 - 14 * is_low}" text-anchor="{anchor}" font-size="11">{escape(label)}</text>',
        ]


def _scaled(value: float, most: float) -> float:
    return max(0.0, min(1.0, value / most)) * (_WIDTH - _LABELS - _VALUES)
