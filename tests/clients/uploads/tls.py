"""curl over TLS 1.3 to larder-inbox itself, with and without client certificates."""

import hashlib
import os
import signal
import subprocess

from curl import NAME, TOKEN, curl, file_of, path, taken
from lab_inbox import Sent, lab_inbox
from larder_lab import MIB, expect, expect_equal, wait_until

OPENSSL = "/usr/bin/openssl"
# What curl says of TLS that does not come about: at the handshake, sending, receiving, of the server's certificate.
REFUSED = (35, 55, 56)
NOT_TRUSTED = 60


class Authority:
    """A certificate authority of the test's own, and what it signs."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def sign(self, name, names="", days=2):
        """The paths of a certificate and its key; `names`: its subjectAltName."""
        certificate, key, request = (self.folder / f"{self.name}-{name}.{end}" for end in ("crt", "key", "csr"))
        extension = self.folder / f"{self.name}-{name}.ext"
        extension.write_text(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", key,
                "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", extension, "-out", certificate)
        return certificate, key


def openssl(*arguments):
    subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True)


def fingerprint(certificate):
    der = subprocess.run([OPENSSL, "x509", "-in", certificate, "-outform", "DER"], check=True, capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


def server_with_tls(lab, **options):
    folder = lab.folder("certificates")
    authority = Authority(folder, "servers")
    certificate, key = authority.sign("inbox", "IP:127.0.0.1")
    server = {"certificate": str(certificate), "key": str(key), **options.pop("server", {})}
    return lab_inbox(lab, server=server, **options), authority


def https(inbox, transaction):
    return inbox.url(path(transaction)).replace("http://", "https://")


def trusted(authority):
    return ["--cacert", str(authority.certificate)]


def plain(lab):
    """TLS 1.3 and nothing older, files of several records, and a certificate that is changed while it runs."""
    inbox, authority = server_with_tls(lab)
    sent = []
    for size in (0, 1, 16384, 40 * MIB + 1):
        file, data = file_of(lab, size)
        answer = taken(curl(file, https(inbox, f"t{size}"), *trusted(authority), "--tlsv1.3"))
        expect(answer.location.startswith("/up/") or answer.location.startswith("https://"), f"Location: {answer.location}")
        sent.append(Sent(f"t{size}", NAME, data))
    file, data = file_of(lab, 3 * MIB, seed=9)
    old = curl(file, https(inbox, "t"), *trusted(authority), "--tls-max", "1.2")
    expect(old.exit in REFUSED, f"TLS 1.2: curl's exit status is {old.exit}")
    other = Authority(lab.folder("certificates"), "others")
    expect_equal(curl(file, https(inbox, "t"), *trusted(other)).exit, NOT_TRUSTED, "an authority that did not sign it")
    for end, made in zip(("crt", "key"), other.sign("inbox", "IP:127.0.0.1")):
        os.replace(made, lab.folder("certificates") / f"servers-inbox.{end}")
    inbox.process.send_signal(signal.SIGHUP)
    wait_until(lambda: curl(file, https(inbox, "t"), *trusted(other)).exit == 0, 20, "the new certificate")
    inbox.check([*sent, Sent("t", NAME, data)])


def client_certificates(lab):
    """The right authority and a known certificate, by its fingerprint and by its name; and all that is not that."""
    known = Authority(lab.folder("certificates"), "clients")
    strange = Authority(lab.folder("certificates"), "strangers")
    named = known.sign("build7", "DNS:build7.example,URI:spiffe://example/build")
    fixed, unknown = known.sign("anna"), known.sign("nobody", "DNS:build8.example")
    wrong = strange.sign("build7", "DNS:build7.example")
    over = known.sign("over", "DNS:build7.example", days=-1)
    inbox, authority = server_with_tls(
        lab, principals={"ci": TOKEN, "build": TOKEN + "2"}, server={"client_authorities": str(known.certificate)},
        certificates={"ci": {"certificate_sha256": [fingerprint(fixed[0])]},
                      "build": {"certificate_names": ["dns:build7.example"]}})
    file, data = file_of(lab, 3 * MIB)

    def put(transaction, certificate=None, *options):
        shown = ["--cert", str(certificate[0]), "--key", str(certificate[1])] if certificate else []
        return curl(file, https(inbox, transaction), *trusted(authority), *shown, *options)

    taken(put("by-name", named))
    taken(put("by-fingerprint", fixed))
    taken(put("by-token", None, "-H", f"Authorization: Bearer {TOKEN}"))
    taken(put("relayed", named, "-H", f"Authorization: Bearer {TOKEN}"))
    for certificate, options in ((None, ()), (unknown, ()), (named, ("-H", "Authorization: Bearer wrong"))):
        refused = put("wrong", certificate, *options)
        expect_equal((refused.exit, refused.status), (0, 401), f"the answer to {certificate} {options}")
    for certificate in (wrong, over):
        refused = put("wrong", certificate)
        expect(refused.exit in REFUSED and refused.status is None, f"{certificate}: {refused.exit}, {refused.status}")
    expect_equal({row["request_key"]: row["principal"] for row in inbox.rows()},
                 {"by-name": "build", "by-fingerprint": "ci", "by-token": "ci", "relayed": "ci"}, "whose the uploads are")
    inbox.check([Sent(each, NAME, data) for each in ("by-name", "by-fingerprint", "by-token", "relayed")])


CASES = {f.__name__: f for f in (plain, client_certificates)}


def run(_seed, lab, case):
    CASES[case](lab)
