"""What odd origins send, for odd_servers.py: answers as they are on the wire."""

import gzip
import hashlib

from framing import chunks
from larder_lab import http_date
from raw_origin import Wire

_T = 1_700_000_000


def wire(status="200 OK", fields=(), body=b"", end="keep", **more):
    head = "\r\n".join([f"HTTP/1.1 {status}", *fields]) + "\r\n\r\n"
    return Wire(head.encode("latin-1"), body, end, **more)


def fields_of(data, *more):
    return [f"Content-Length: {len(data)}", f'ETag: "{hashlib.sha256(data).hexdigest()[:8]}"',
            f"Last-Modified: {http_date(_T)}", f"Date: {http_date(_T + 100_000)}", *more]


def file_answer(data, *more):
    """As an ordinary server has it, with `more` lines in each head."""

    def answer(request):
        wanted = request.range
        if request.method == "GET" and wanted and data:
            last = len(data) - 1 if wanted[1] is None else min(wanted[1], len(data) - 1)
            part = data[wanted[0]:last + 1]
            return wire("206 Part", [f"Content-Range: bytes {wanted[0]}-{last}/{len(data)}", *fields_of(data, *more)[1:],
                                     f"Content-Length: {len(part)}"], part)
        return wire("200 OK", fields_of(data, *more), data)

    return answer


def empty(status, *fields):
    return wire(status, ["Content-Length: 0", *fields])


BROKEN_HEADS = {
    "hangs": Wire(b"", end="hang"),
    "hangs in its head": Wire(b"HTTP/1.1 200 OK\r\nContent-Le", end="hang"),
    "sends interim answers for ever": Wire(b"", drip=b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "sends lines for ever": Wire(b"HTTP/1.1 200 OK\r\n", drip=b"X-A: b\r\n"),
    "is closed": Wire(b"", end="fin"),
    "is reset": Wire(b"", end="reset"),
    "is no HTTP": Wire(b"\x15\x03\x01\x00\x02\r\n\r\n", end="fin"),
    "has two lengths": wire(fields=["Content-Length: 5", "Content-Length: 6"]),
    "has a malformed line that frames": wire(fields=["Content-Length : 5"]),
    "says a coding": wire(fields=["Content-Length: 5", "Content-Encoding: gzip"]),
    "says no length": wire(fields=['ETag: "x"'], end="fin"),
    "says length 0": empty("200 OK"),
    "says 204": wire("204 No", []),
    "leads nowhere": empty("302 Found"),
    "leads to itself": empty("302 Found", "Location: ?"),
    "leads to another protocol": empty("302 Found", "Location: ftp://127.0.0.1/x"),
    **{f"says {status}": empty(f"{status} No") for status in (400, 401, 403, 404, 405, 406, 410, 412, 416, 429, 451, 500, 501,
                                                              502, 503, 504)},
}

LOCATIONS = [
    "/plain", "plain", "./plain", "../plain", "../../../plain", "/a//b", "//HOST/x", "http://HOST/x", "HTTP://HOST/x",
    "http:/HOST/x", "http:///HOST/x", "?q=1", "/x?q=a b", "/a b", "/\u00e4".encode().decode("latin-1"), "/\u00e4", "/[x]", "/x#frag",
    "/x?y#frag", '/"x"', "/a\\b", "/100%/a.iso", "save50%", "/%zz", "/%", "/%%", "/%4", "http://HOST/100%", "//HOST/100%",
    "/x?50%", "/x?a=%zz", "/a%20b", "/{x}|y^`", "/<x>", "/x;y=z", "/~x", "/%7ex", "/%41", "/a+b", "/x?y=http://z/?w", "  /blanks  ",
    "http://u:p@HOST/x", "/./x", "/x/.", "/x/../y", "/a%2fb", "/x?", "http://HOST?x=1", "http://HOST", "/x?\u00e4", "/a:b", "./a:b",
    "/x?a=b#c?d", "/x'y'", "/x,y", "/x=y&z", "/x%00y", "/%C3%A4", "/x%", "/x?%",
]

DRIPS = {
    "interim answers": Wire(b"", drip=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "lines of the head": Wire(b"HTTP/1.1 200 OK\r\n", drip=b"X-A: b\r\n"),
    "lines of a trailer": Wire(b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"hello")[:-2],
                               drip=b"X-A: b\r\n"),
    "extensions of a chunk": Wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", drip=b"a=b;"),
    "the body of an error": Wire(b"HTTP/1.1 503 No\r\nContent-Length: 9999\r\n\r\n", drip=b"x"),
}

_FUNKY = b"HTTP/1.1 200 funky chunky!\r\nServer: fakeit/0.9 fakeitbad/1.0\r\n"
_CHUNKED = _FUNKY + b"Transfer-Encoding: chunked\r\nConnection: mooo\r\n\r\n"
_HELLO = b"40\r\n" + b"a" * 64 + b"\r\n30\r\n" + b"b" * 48 + b"\r\n21;heresatest=moooo\r\n" + b"c" * 32 + b"\n\r\n0\r\n\r\n"
# What curl's own suite sends, by the numbers of its cases, each with the words that the error must have.
CURLS = {
    "36, a chunk whose size is none": (_CHUNKED + b"2\r\na\n\r\nILLEGAL\r\n" + b"b" * 47, "hexadecimal"),
    "1416, a chunk's size that overflows": (_CHUNKED + b"12345678123456789\r\n" + b"a" * 64 + b"\r\n0\r\n\r\n", "not HTTP"),
    "1495, no chunk at all": (_FUNKY + b"Transfer-Encoding: chunked, identity\r\nContent-Length: 19\r\n\r\nstuff server sends\r\n",
                              "hexadecimal"),
    "1496, gzip and chunked": (_FUNKY + b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 19\r\n\r\nstuff server sends\r\n",
                               "gzip, chunked"),
    "1122, gzip": (_FUNKY + b"Transfer-Encoding: gzip\r\nContent-Length: 44\r\n\r\n" + gzip.compress(b"line 1\n"), "gzip"),
    "1123, deflate": (_FUNKY + b"Transfer-Encoding: deflate\r\n\r\n" + b"x" * 30, "deflate"),
    "1124, gzip in chunks": (_FUNKY + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks(gzip.compress(b"line 1\n")), "gzip"),
    "1546, the wrong order": (_FUNKY + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "chunked, gzip"),
    "1722, chunked not last": (_FUNKY + b"Transfer-Encoding: chunked, another\r\n\r\n" + _HELLO, "another"),
    "1723, chunked twice, not last": (_FUNKY + b"Transfer-Encoding: chunked, chunked, another\r\n\r\n" + _HELLO, "chunked"),
    "1473, a first line that continues none": (
        b"HTTP/1.1 200 OK\r\n Date: Tue, 09 Nov 2010 14:49:00 GMT\r\nContent-Length: 6\r\n\r\n-foo-\n", ""),
    "2106, a zero byte in the trailer": (
        b"HTTP/1.1 200 OK\r\nServer: test\r\nTransfer-Encoding: chunked\r\nTrailer: chunky-trailer\r\n\r\n6\r\n-foo-\n\r\n0\r\n"
        b"chunky-trailer: he\x00llo\r\n\r\n", ""),
    "a zero byte in a line": (b"HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 6\r\n\r\n-foo-\n", ""),
    "a length that no file has": (b"HTTP/1.1 200 OK\r\nContent-Length: 36893488147419103232\r\n\r\nx", "larger than any file"),
    "a length beyond counting": (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 60 + b"\r\n\r\nx", "larger than any file"),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -6\r\n\r\n-foo-\n", ""),
    "a redirect with an empty Location": (b"HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n", "empty location"),
    "a redirect without one": (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "without saying where"),
}
