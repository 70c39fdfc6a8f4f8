"""How tests of monitoring give the sampler its samples."""

from collections.abc import Callable, Mapping
from datetime import datetime

from atrium.metrics import SamplerMetrics

Feed = Callable[[datetime, Mapping[str, float]], SamplerMetrics]
