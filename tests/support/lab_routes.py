"""What the scenario `routes` is played on: an origin whose answer depends on who asks and how, and servers that lie about it.

Private bytes hold a marker of the user that they are for, at every few KiB, so that a piece of them is known wherever it
turns up; the bytes of a lie hold a marker of the liar. What everybody may have, the truth, holds none.
"""

import hashlib
import re
import ssl
import subprocess
import threading

from lab_origin import Answer, Edition, EditionResource, LabOrigin, http_date, seeded_bytes

MARKER_EVERY = 4096
SECRET_HEADERS = ("X-Jwt-Assertion", "Cf-Access-Jwt-Assertion", "X-Goog-IAP-JWT-Assertion", "X-Pass", "X-Signature",
                  "X-Auth-Request-User", "Cookie", "Authorization")
OTHER_PAGE_HEADERS = ("X-Rewrite-URL", "X-Original-URL", "X-Forwarded-Host", "X-Http-Method-Override")
SIGNED_QUERIES = ("sig={}", "X-Amz-Signature={}", "token={}", "s%69g={}", "Signature={}&Expires=2000000000", "access%5Ftoken={}",
                  "X-Goog-Signature={}", "se=2030-01-01&sig={}", "a=1&%58-Amz-Signature={}", "auth={}", "key={}&Expires=1", "jwt={}")
_T = 1_700_000_000


def marked(seed, size, marker):
    """Bytes of that size with the marker at every few KiB."""
    data = bytearray(seeded_bytes(seed, size))
    text = f"<<{marker}>>".encode()
    for at in range(0, max(1, size - len(text)), MARKER_EVERY):
        data[at:at + len(text)] = text
    return bytes(data[:size])


def markers_in(data):
    return {found.decode() for found in re.findall(rb"<<([a-z]+ [\w ]+)>>", data)}


class Page:
    """One URL path of the origin. `kind`:

    public    the truth for a plain request; a request with a token in a header or in the query gets its user's own bytes
    guarded   401 for a plain request; the same for one with a token
    personal  each user's own bytes, told by the user's address alone (`world.acting`), with `answer_header`

    `same_validators`: the origin names all of these alike, as careless programs do. All are of one size.
    """

    def __init__(self, world, name, kind, size, rng):
        self.world, self.name, self.kind, self.size = world, name, kind, size
        self.path = f"/{kind}/{name}"
        self.same_validators = rng.random() < 0.6
        self.varies = rng.random() < 0.5  # by Accept-Language, and says so
        self.answer_header = rng.choice((("Cache-Control", "private"), ("Cache-Control", "no-store"),
                                         ("Set-Cookie", "session=1"), ("Cache-Control", "max-age=60, private")))
        self.seed = f"routes {world.seed} {name}"
        self.truth = seeded_bytes(self.seed, size)
        self._made, self._digests = {}, {}
        self.holds = {}  # Event by the user agent of the requests that get no more than `hold_at` bytes until it is set
        self.hold_at = size * 5 // 6

    def bytes_of(self, marker):
        if marker is None:
            return self.truth
        if marker not in self._made:
            self._made[marker] = marked(f"{self.seed} {marker}", self.size, marker)
        return self._made[marker]

    def digest_of(self, marker):
        if marker not in self._digests:
            self._digests[marker] = hashlib.sha256(self.bytes_of(marker)).hexdigest()
        return self._digests[marker]

    def edition(self, marker):
        alike = marker is None or self.same_validators or marker.startswith("lie ")  # a liar repeats what the origin says
        name = "" if alike else marker.replace(" ", "-")
        return Edition(self.bytes_of(marker), f'"{self.name}{name}"', http_date(_T))

    def answer(self, request, marker, extra=()):
        answer = EditionResource([self.edition(marker)], extra=extra)(request)
        held = self.holds.get(request.headers.get("user-agent"))
        if held is not None and request.method == "GET" and answer.status in (200, 206):
            first = request.range[0] if answer.status == 206 and request.range else 0
            if first <= self.hold_at < first + len(answer.body):
                answer.hold_at, answer.released = self.hold_at - first, held
        return answer

    def __call__(self, request):
        user = self.world.user_of_token(request)
        if user == "revoked":
            return Answer(403)
        if user is not None:
            return self.answer(request, f"user {user}")
        if self.kind == "guarded":
            return Answer(401, [("WWW-Authenticate", 'Basic realm="guarded"')])
        if self.kind == "personal":
            return self.answer(request, f"user {self.world.acting}", [self.answer_header])
        if any(name.lower() in request.headers for name in OTHER_PAGE_HEADERS):
            return self.answer(request, "page other")
        vary = [("Vary", "Accept-Language")] if self.varies else []
        if self.varies and request.headers.get("accept-language", "").startswith("fr"):
            return self.answer(request, "language french", vary)
        return self.answer(request, None, vary)


class Liar:
    """A server of `user`'s: repeats what the origin says of each page, with other bytes. As an origin, and as a proxy."""

    def __init__(self, user, origin):
        self.user, self.origin = user, origin

    def __call__(self, page):
        return lambda request: page.answer(request, f"lie {self.user}")


class LyingTunnel(LabOrigin):
    """A proxy for https that answers in the origin's place, with a certificate of its own."""

    def _serve(self, connection, client):
        head = b""
        while not head.endswith(b"\r\n\r\n") and len(head) < 65536:
            piece = connection.recv(1)
            if not piece:
                connection.close()
                return
            head += piece
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            super()._serve(connection, client)
        except ssl.SSLError:  # it did not believe the certificate
            connection.close()


class SwitchedOrigin(LabOrigin):
    """One that can go away and come back at the same address and port. `enter`: runs a function where its sockets shall be."""

    def __init__(self, address, enter, tls=None):
        self.enter = enter
        super().__init__(address, tls)

    def down(self):
        import socket
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()
        self.break_connections()

    def up(self):
        import socket

        def listen():
            self.listener = socket.create_server((self.address, self.port), backlog=512)
            self.closing = False
            threading.Thread(target=self._accept, daemon=True).start()

        self.enter(listen)


def make_certificate(folder, name, address):
    """(certificate, key), self-signed for an address."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    "30", "-keyout", key, "-out", certificate, "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=IP:{address}"], check=True, capture_output=True)
    certificate.chmod(0o644)
    return certificate, key
