"""How the page looks: one accent colour, red for what cannot be undone, system fonts with Chinese ones among them, light and dark."""

from pathlib import Path

from gradio.themes import Base, Color
from gradio.themes.utils import sizes

STYLE_SHEET = Path(__file__).with_name("style.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")
_MONOSPACED = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono CJK SC", "monospace")
_PINE = ("#eff6f3", "#d8eae3", "#b2d5c8", "#84bba9", "#57a08b", "#3a826e", "#2d6a59", "#265549", "#21453c", "#1c3932", "#0d201c")
_STONE = ("#faf9f7", "#f3f1ee", "#e6e3de", "#d3cfc8", "#a8a39b", "#7a756d", "#59554f", "#403d39", "#2a2826", "#1d1c1a", "#131211")


def theme() -> Base:
    """The colours, sizes and fonts. Nothing is fetched: every font is the system's."""
    pine, stone = Color(*_PINE, name="pine"), Color(*_STONE, name="stone")
    base = Base(
        primary_hue=pine,
        secondary_hue=pine,
        neutral_hue=stone,
        radius_size=sizes.radius_lg,
        spacing_size=sizes.spacing_lg,
        font=_FONTS,
        font_mono=_MONOSPACED,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_cancel_background_fill="#b4443b",
        button_cancel_background_fill_dark="#b4443b",
        button_cancel_background_fill_hover="#9c3830",
        button_cancel_background_fill_hover_dark="#9c3830",
        button_cancel_text_color="white",
        button_cancel_text_color_dark="white",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
    )
