"""A small S3 for tests: buckets as folders, signed requests by one access key; what the AWS SDK asks for objects and listings."""

from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit

from web_server import Answers, WebServer

LISTING = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated><KeyCount>{}</KeyCount>{}</ListBucketResult>'
CONTENT = "<Contents><Key>{}</Key><Size>{}</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
ERROR = '<?xml version="1.0"?><Error><Code>{0}</Code><Message>{0}</Message></Error>'
STARTED = '<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>'
ENDED = (
    '<?xml version="1.0"?><CompleteMultipartUploadResult><ETag>"x"</ETag><Key>{}</Key></CompleteMultipartUploadResult>'
)


def _joined(chunks: IO[bytes]) -> bytes:
    """What comes in chunks, each after its length, with lines after the last."""
    found = b""
    while size := int(chunks.readline().split(b";")[0], 16):
        found += chunks.read(size)
        chunks.readline()
    while chunks.readline().strip():
        pass
    return found


class S3Answers(Answers):
    """Requests for objects."""

    server: "S3Server"

    def _content(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        else:
            body = _joined(self.rfile)
        return _joined(BytesIO(body)) if "aws-chunked" in self.headers.get("Content-Encoding", "") else body

    def _any(self) -> None:
        parts = urlsplit(self.path)
        query, body = parse_qs(parts.query, keep_blank_values=True), self._content()
        place = self.server.folder / unquote(parts.path).strip("/")
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        if f"Credential={self.server.access_key}/" not in self.headers.get("Authorization", ""):
            return self._send(403, ERROR.format("AccessDenied").encode())
        if self.command == "GET" and "list-type" in query:
            return self._list(place, query.get("prefix", [""])[0])
        if self.command == "POST":
            return self._send(200, STARTED.encode() if "uploads" in query else self._completed(place).encode())
        if self.command == "PUT":
            number = query.get("partNumber", [""])[0]
            target = place.with_name(f".{place.name}.{number}") if number else place
            target.parent.mkdir(parents=True, exist_ok=True)
            if parts.path.strip("/").count("/"):
                target.write_bytes(body)
            return self._send(200, ETag='"x"')
        if not place.is_file():
            return self._send(404, b"" if self.command == "HEAD" else ERROR.format("NoSuchKey").encode())
        content = place.read_bytes()
        if self.command == "HEAD":
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"x"')
            return self.end_headers()
        first, last = 0, len(content) - 1
        if asked := self.headers.get("Range"):
            one, _, two = asked.removeprefix("bytes=").partition("-")
            first, last = int(one), min(int(two or last), last)
        part = content[first : last + 1]
        about = {"Content_Range": f"bytes {first}-{last}/{len(content)}"} if asked else {}
        return self._send(206 if asked else 200, part, ETag='"x"', **about)

    def _completed(self, place: Path) -> str:
        parts = sorted(place.parent.glob(f".{place.name}.*"), key=lambda one: int(one.suffix[1:]))
        place.write_bytes(b"".join(one.read_bytes() for one in parts))
        for one in parts:
            one.unlink()
        return ENDED.format(place.name)

    def _list(self, bucket: Path, prefix: str) -> None:
        files = sorted(one for one in bucket.rglob("*") if one.is_file())
        keys = [(str(one.relative_to(bucket)), one.stat().st_size) for one in files]
        found = [CONTENT.format(key, size) for key, size in keys if key.startswith(prefix)]
        self._send(200, LISTING.format(len(found), "".join(found)).encode(), Content_Type="application/xml")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any


class S3Server(WebServer):
    """An S3 whose buckets are the folders below `folder`."""

    answers = S3Answers
    access_key = "tester"
