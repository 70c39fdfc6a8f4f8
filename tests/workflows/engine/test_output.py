"""What a container prints is kept; what cannot be kept is told."""

from pathlib import Path

from workflows.engine.keeper.output import CUT, Output


def test_a_log_that_meets_a_full_disk_tells_why_it_is_not_whole() -> None:
    log = Output("/dev/full", 1 << 20, CUT, "", append=True)
    log.write(b"heard?")
    log.write(b"and this?")
    log.close()
    assert log.lost == "No space left on device"


def test_a_log_within_its_bound_or_over_it_is_not_called_lost(tmp_path: Path) -> None:
    log = Output(str(tmp_path / "main.log"), 10, b" cut", str(tmp_path / "main.times"), append=False)
    log.write(b"12345")
    log.write(b"6789012345")
    log.close()
    assert (tmp_path / "main.log").read_bytes() == b"1234567890 cut"
    assert log.lost == ""
