"""From a drawing to what an image model was trained on: the ink alone, centred, as a few pixels."""

import math
from collections.abc import Sequence

MARGIN = 0.125
FAINT = 0.05


def shrink(drawn: Sequence[Sequence[float]], side: int, brightest: float) -> list[float]:
    """The ink's own square, with a margin of an eighth, as side x side pixels from 0 to `brightest`, row by row.

    `drawn` holds rows of ink from 0 to 1, some of it more than faint.
    """
    import numpy as np
    from PIL import Image

    ink = np.asarray(drawn, dtype=np.float32)
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
