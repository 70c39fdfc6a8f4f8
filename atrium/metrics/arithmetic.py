"""Rates and quantiles as Prometheus computes them (promql/functions.go and promql/quantile.go), so that both answerers agree."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

Samples = Sequence[tuple[float, float]]
NEAR_AN_END = 1.1


def rate(samples: Samples, start: float, end: float) -> float | None:
    """A counter's increase per second between two moments from its (seconds, value) samples there; None for fewer than two.

    A fall is a reset to zero. The increase is extrapolated to both ends where the samples come near them.
    """
    if len(samples) < 2:
        return None
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    increase = last - first
    for (_, before), (_, after) in pairwise(samples):
        if after < before:
            increase += before
    sampled = last_at - first_at
    usual = sampled / (len(samples) - 1)
    to_start, to_end = first_at - start, end - last_at
    if increase > 0 and first >= 0:
        to_start = min(to_start, sampled * first / increase)  # a counter was never below zero
    covered = sampled
    for gap in (to_start, to_end):
        covered += gap if gap < usual * NEAR_AN_END else usual / 2
    return increase * covered / sampled / (end - start)


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """The `share` quantile (0 to 1) of a histogram from its cumulative counts by upper bound; None where it is empty."""
    bounds = sorted(buckets)
    if len(bounds) < 2 or not math.isinf(bounds[-1]) or buckets[bounds[-1]] <= 0:
        return None
    rank = share * buckets[bounds[-1]]
    place = next(number for number, bound in enumerate(bounds) if buckets[bound] >= rank)
    if place == len(bounds) - 1:
        return bounds[-2]
    lower, below = (bounds[place - 1], buckets[bounds[place - 1]]) if place else (0.0, 0.0)
    upper, inside = bounds[place], buckets[bounds[place]] - below
    if place == 0 and upper <= 0:
        return upper
    return lower + (upper - lower) * ((rank - below) / inside if inside else 0.0)
