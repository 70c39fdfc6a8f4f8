"""The looks of demos: the portal's colours, radius and type."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import gradio as gr

FONT: Final = ("Inter", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif")
COLOURS: Final = {
    "light": {
        "back": "#FCFCFD", "block": "#FFFFFF", "edge": "#D0D5DD", "text": "#111827", "soft": "#475467", "fill": "#4F46E5",
        "hover": "#4338CA", "on": "#FFFFFF", "warn": "#B54708",
    },
    "dark": {
        "back": "#0B0D12", "block": "#12151C", "edge": "#344054", "text": "#E6E8EC", "soft": "#98A2B3", "fill": "#818CF8",
        "hover": "#A5B4FC", "on": "#0B0D12", "warn": "#FEB273",
    },
}  # fmt: skip
CSS: Final = """
.gradio-container { width: 100% !important; max-width: 1000px !important; margin: 0 auto !important; padding: 20px 20px 40px !important; }
.gradio-container > .main { width: 100%; padding: 0 !important; }
.gradio-container .html-container { padding: 0 !important; }
html:lang(zh) .atrium-en, html:not(:lang(zh)) .atrium-zh { display: none; }
.atrium-bar-top { display: flex; align-items: center; gap: 8px; font-size: 13px; min-height: 32px; }
.atrium-bar-top > span { flex: 1; }
.atrium-bar-top a, .atrium-bar-top button { color: var(--body-text-color-subdued); text-decoration: none; font: inherit; display: inline-flex; gap: 6px;
  align-items: center; background: none; border: 1px solid transparent; border-radius: 8px; padding: 5px 8px; cursor: pointer; white-space: nowrap; }
.atrium-bar-top a { margin-left: -8px; }
.atrium-bar-top button { border-color: var(--border-color-primary); }
.atrium-bar-top :is(a, button):hover { color: var(--body-text-color); border-color: var(--body-text-color-subdued); }
.atrium-bar-top :focus-visible { outline: 2px solid var(--button-primary-background-fill); outline-offset: 2px; }
.atrium-about, .atrium-about p { font-size: 15px; line-height: 1.55; max-width: 46rem; }
.atrium-pad { display: flex; flex-direction: column; gap: 8px; align-items: flex-start; }
.atrium-pad canvas { width: min(100%, 320px); aspect-ratio: 1; background: var(--block-background-fill); touch-action: none;
  border: 1px solid var(--border-color-primary); border-radius: 8px; cursor: crosshair; }
.atrium-clear { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 6px 12px; font-size: 13px;
  background: var(--block-background-fill); color: var(--body-text-color); }
.gradio-container h1 { font-size: 1.6rem; font-weight: 650; line-height: 1.35; margin-bottom: 4px; padding-bottom: 2px; }
.atrium-side { position: sticky; top: 16px; align-self: flex-start; }
.atrium-told, .atrium-told .md, .atrium-told p { font-size: 13px; color: var(--body-text-color-subdued) !important; }
.atrium-answer, .label-wrap span { word-break: keep-all; overflow-wrap: anywhere; text-align: start; }
.atrium-answer { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 20px;
  background: var(--block-background-fill); }
.atrium-heading { font-weight: 600; font-size: 14px; color: var(--body-text-color); }
.atrium-big { font-size: 1.9rem; font-weight: 650; margin: 6px 0; color: var(--body-text-color); }
.atrium-small { font-size: 13px; color: var(--body-text-color-subdued); }
.atrium-bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); margin: 8px 0 10px; overflow: hidden; }
.atrium-bar > div { height: 8px; background: var(--button-primary-background-fill); }
.atrium-refused { border-left: 4px solid #B54708; }
.dark .atrium-refused { border-left-color: #FEB273; }
@media (max-width: 640px) {
  .gradio-container { padding: 12px 16px 32px !important; }
  .atrium-side { position: static; align-self: stretch; }
  .atrium-big { font-size: 1.5rem; }
}
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
    named = {
        "body_background_fill": "back", "block_background_fill": "block", "input_background_fill": "back",
        "border_color_primary": "edge", "input_border_color": "edge", "body_text_color": "text", "block_label_text_color": "soft",
        "block_title_text_color": "text", "block_info_text_color": "soft", "body_text_color_subdued": "soft",
        "button_primary_background_fill": "fill", "button_primary_background_fill_hover": "hover",
        "button_primary_text_color": "on", "button_primary_text_color_hover": "on", "color_accent": "fill",
    }  # fmt: skip
    given = {name: COLOURS["light"][key] for name, key in named.items()}
    given |= {f"{name}_dark": COLOURS["dark"][key] for name, key in named.items() if name != "color_accent"}
    return made.set(
        **given, block_shadow="none", input_border_width="1px", block_border_width="1px", block_label_text_size="13px"
    )
