"""The looks of demos: the portal's colours, radius and type."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import gradio as gr

FONT: Final = ("Inter", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif")
CSS: Final = """
.gradio-container { width: 100% !important; max-width: 1040px !important; margin: 0 auto !important; padding: 24px 16px !important; }
.gradio-container > main, .gradio-container .wrap { width: 100%; }
.atrium-pad { display: flex; flex-direction: column; gap: 8px; align-items: flex-start; }
.atrium-pad canvas { width: min(100%, 320px); aspect-ratio: 1; background: var(--block-background-fill); touch-action: none;
  border: 1px solid var(--border-color-primary); border-radius: 8px; cursor: crosshair; }
.atrium-clear { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 6px 12px; font-size: 13px;
  background: var(--block-background-fill); color: var(--body-text-color); }
.gradio-container h1 { font-size: 1.6rem; font-weight: 650; margin-bottom: 4px; }
.atrium-answer { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 20px;
  background: var(--block-background-fill); }
.atrium-heading { font-weight: 600; font-size: 14px; color: var(--body-text-color); }
.atrium-big { font-size: 1.9rem; font-weight: 650; margin: 6px 0; color: var(--body-text-color); }
.atrium-small { font-size: 13px; color: var(--body-text-color-subdued); }
.atrium-bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); margin: 8px 0 10px; overflow: hidden; }
.atrium-bar > div { height: 8px; background: var(--color-accent); }
.atrium-refused { border-left: 4px solid #D97706; }
footer { display: none !important; }
"""


def theme() -> "gr.themes.Base":
    """Gradio's theme in the portal's looks, light and dark."""
    import gradio as gr

    made = gr.themes.Base(
        primary_hue=gr.themes.colors.indigo, secondary_hue=gr.themes.colors.indigo, neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md, text_size=gr.themes.sizes.text_sm, font=list(FONT),
        font_mono=["ui-monospace", "monospace"],
    )  # fmt: skip
    return made.set(
        body_background_fill="#FCFCFD", body_background_fill_dark="#0B0D12", block_background_fill="#FFFFFF",
        block_background_fill_dark="#151922", border_color_primary="#E4E7EC", border_color_primary_dark="#262B36",
        body_text_color="#111827", body_text_color_dark="#E6E8EC", body_text_color_subdued="#667085",
        body_text_color_subdued_dark="#98A2B3", block_shadow="none", block_border_width="1px",
        button_primary_background_fill="#4F46E5", button_primary_background_fill_dark="#5B57EE",
        button_primary_background_fill_hover="#4338CA", button_primary_text_color="#FFFFFF",
        block_label_text_size="13px", color_accent="#4F46E5",
    )  # fmt: skip
