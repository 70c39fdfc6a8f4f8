"""The sketch pad of image demos: a canvas for pointer and pen, whose ink is given as a grid of numbers."""

import json
from typing import Final

import gradio as gr

GRID = 56
PAD_PIXELS = 300
LARGEST_TEXT = 64_000

TEMPLATE: Final = """
<div class="atrium-pad">
  <canvas width="__PIXELS__" height="__PIXELS__" role="img" aria-label="__SKETCH__"></canvas>
  <button type="button" class="atrium-clear">__CLEAR__</button>
</div>
""".replace("__PIXELS__", str(PAD_PIXELS))

SCRIPT: Final = """
const canvas = element.querySelector('canvas'), pen = canvas.getContext('2d');
const small = document.createElement('canvas'); small.width = small.height = __GRID__;
const words = (navigator.language || '').startsWith('zh') ? ['在这里书写', '重新开始'] : ['Draw here', 'Start again'];
canvas.setAttribute('aria-label', words[0]);
element.querySelector('.atrium-clear').textContent = words[1];
let drawing = false;
function at(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
}
function give() {
  const view = small.getContext('2d');
  view.clearRect(0, 0, __GRID__, __GRID__);
  view.drawImage(canvas, 0, 0, __GRID__, __GRID__);
  const pixels = view.getImageData(0, 0, __GRID__, __GRID__).data, ink = [];
  for (let place = 3; place < pixels.length; place += 4) ink.push(pixels[place]);
  props.value = JSON.stringify(ink);
}
canvas.addEventListener('pointerdown', event => {
  drawing = true; canvas.setPointerCapture(event.pointerId);
  pen.lineWidth = 24; pen.lineCap = pen.lineJoin = 'round'; pen.strokeStyle = '#4F46E5';
  pen.beginPath(); pen.moveTo(...at(event)); pen.lineTo(...at(event)); pen.stroke(); event.preventDefault();
});
canvas.addEventListener('pointermove', event => { if (drawing) { pen.lineTo(...at(event)); pen.stroke(); } });
canvas.addEventListener('pointerup', () => { drawing = false; give(); });
element.querySelector('.atrium-clear').addEventListener('click', () => {
  pen.clearRect(0, 0, canvas.width, canvas.height); props.value = '';
});
""".replace("__GRID__", str(GRID))


def sketch_pad() -> gr.HTML:
    """The pad; its value is a JSON list of GRID x GRID numbers from 0 to 255, row by row, or an empty text."""
    template = TEMPLATE.replace("__SKETCH__", "Draw here").replace("__CLEAR__", "Start again")
    return gr.HTML(value="", html_template=template, js_on_load=SCRIPT, apply_default_css=False)


def ink_of(text: object) -> list[list[float]] | None:
    """Ink of a pad's value, GRID rows from 0 (none) to 1; None for an empty pad or for what is no such value."""
    if not isinstance(text, str) or not text or len(text) > LARGEST_TEXT:
        return None
    try:
        numbers = json.loads(text)
    except ValueError:
        return None
    good = isinstance(numbers, list) and len(numbers) == GRID * GRID
    if not good or not all(isinstance(one, int) and 0 <= one <= 255 for one in numbers) or not any(numbers):
        return None
    return [[one / 255 for one in numbers[row * GRID : (row + 1) * GRID]] for row in range(GRID)]
