"""From a drawing to what an image model was trained on: small, centred, dark on light turned to bright on dark."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MARGIN = 0.125
FAINT = 0.05


def strokes(drawn: Mapping[str, object] | None) -> "np.ndarray | None":
    """Ink of a sketch pad's value, height x width from 0 (none) to 1; None for an empty pad."""
    import numpy as np

    if not drawn:
        return None
    layers = drawn.get("layers")
    images = layers if isinstance(layers, list) and layers else [drawn.get("composite")]
    inks = [np.asarray(one, dtype=np.float32)[..., 3] / 255 for one in images if one is not None]
    ink = np.max(inks, axis=0) if inks else None
    return ink if ink is not None and ink.max() > FAINT else None


def shrink(ink: "np.ndarray", side: int, brightest: float) -> list[float]:
    """The ink's own square, with a margin, as side x side pixels from 0 to `brightest`, row by row."""
    import numpy as np
    from PIL import Image

    rows, columns = (np.flatnonzero(ink.max(axis=axis) > FAINT) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape
    edge = math.ceil(max(height, width) * (1 + 2 * MARGIN))
    square = np.zeros((edge, edge), dtype=np.float32)
    top, left = (edge - height) // 2, (edge - width) // 2
    square[top : top + height, left : left + width] = cut
    small = Image.fromarray((square * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32) / 255
    peak = float(pixels.max()) or 1.0
    return [round(float(one), 4) for one in (pixels / peak * brightest).ravel()]
