"""Other projects' releases are what the lock pins, or they are refused."""

from pathlib import Path

import pytest

from app.deploying.releases import ReleaseChanged, ReleaseMissing, release


def test_a_release_that_was_changed_is_refused_with_both_checksums(tmp_path: Path) -> None:
    wanted = release("argo-workflows")
    (tmp_path / wanted.file).write_text("kind: Deployment\n")
    with pytest.raises(ReleaseChanged) as refused:
        wanted.objects(str(tmp_path))
    assert wanted.sha256 in refused.value.allowed
    assert wanted.file in refused.value.asked


@pytest.mark.parametrize("named", [True, False])
def test_a_release_that_is_missing_is_named_with_where_it_may_come_from(named: bool, tmp_path: Path) -> None:
    with pytest.raises(ReleaseMissing) as refused:
        release("argo-workflows").objects(str(tmp_path) if named else "")
    assert release("argo-workflows").file in str(refused.value)
