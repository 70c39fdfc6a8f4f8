"""Which version becomes champion is a rule, not the rounding of a tag."""

import pytest

from examples.registering import no_worse


@pytest.mark.parametrize("value", [0.7699995, 0.7700004, 0.77049951, 1.0])
def test_an_equally_good_version_takes_the_champions_place_however_its_tag_was_rounded(value: float) -> None:
    assert no_worse(value, f"{value:.6f}")


def test_a_better_version_takes_the_champions_place_and_a_worse_one_does_not() -> None:
    assert no_worse(0.78, "0.770000") and no_worse(0.5, "-inf")
    assert not no_worse(0.76999, "0.770000")
