"""The front door of this folder's tests."""

from collections.abc import Iterator

import pytest
from door_platform import Door, running_door


@pytest.fixture(scope="package")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A running door, shared by the tests of the folder."""
    with running_door(tmp_path_factory.mktemp("d")) as made:
        yield made
