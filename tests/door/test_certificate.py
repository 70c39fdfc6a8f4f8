"""What is said of a certificate that cannot serve, before the door takes it."""

from pathlib import Path

import pytest
from certificates import make_pair

from app.door.certificate import CertificateUnusable, read_pair


def test_a_good_pair_is_read_with_its_names(tmp_path: Path) -> None:
    assert "localhost" in read_pair(*make_pair(tmp_path)).names


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    (cert, _), (_, key) = make_pair(tmp_path, "one"), make_pair(tmp_path, "two")
    with pytest.raises(CertificateUnusable, match=r"two\.key\.pem' does not belong to certificate .*one\.cert\.pem'"):
        read_pair(cert, key)


def test_an_expired_certificate_is_named_with_its_day(tmp_path: Path) -> None:
    with pytest.raises(CertificateUnusable, match=r"door\.cert\.pem' expired on \d{4}-\d\d-\d\d.*Next: renew it"):
        read_pair(*make_pair(tmp_path, first_day=-9, last_day=-1))


def test_a_certificate_of_the_future_points_to_the_clock(tmp_path: Path) -> None:
    with pytest.raises(CertificateUnusable, match=r"holds from .*Next: check this machine's clock"):
        read_pair(*make_pair(tmp_path, first_day=1))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_named_with_the_command(tmp_path: Path, mode: int) -> None:
    cert, key = make_pair(tmp_path)
    key.chmod(mode)
    with pytest.raises(CertificateUnusable, match=rf"has mode {mode:04o}.*Next: run chmod 600 '{key}'"):
        read_pair(cert, key)


def test_a_file_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    cert, key = make_pair(tmp_path)
    with pytest.raises(CertificateUnusable, match=r"ATRIUM_TLS_KEY is .*nothing' \(No such file"):
        read_pair(cert, tmp_path / "nothing")
    with pytest.raises(CertificateUnusable, match=r"ATRIUM_TLS_CERT is .*nothing' \(No such file"):
        read_pair(tmp_path / "nothing", key)


def test_files_in_each_others_place_are_named(tmp_path: Path) -> None:
    cert, key = make_pair(tmp_path)
    cert.chmod(0o600)
    with pytest.raises(CertificateUnusable, match=r"ATRIUM_TLS_CERT is .* holds no certificate"):
        read_pair(key, cert)
    with pytest.raises(CertificateUnusable, match=r"ATRIUM_TLS_KEY is .* holds no key"):
        read_pair(cert, cert)
