"""The application is an HTTP server that larder-inbox calls with each file, by value and by reference; and the reply that it gives
the client, by a client of BITS (upload-reply) and by curl."""

import collections
import contextlib
import hashlib
import http.server
import pathlib
import ssl
import threading
import urllib.request

from bits_client import BitsFailed, BitsUpload
from curl import NAME, curl, file_of, path, taken
from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, lab_inbox
from larder_lab import MIB, expect, expect_equal, seeded_bytes, wait_until
from tls import Authority

Call = collections.namedtuple("Call", "id attempt size sha256 fields")


class Application:
    """`answer(call)` gives (status, fields, body), or None: the connection is closed without an answer, after the effect. It keeps
    ids: `effects` has each once, `calls` each call."""

    def __init__(self, answer=lambda call: (200, {}, b""), context=None):
        self.answer, self.calls, self.effects = answer, [], {}
        application = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                application.serve(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def url(self, port=None, scheme="http"):
        return f"{scheme}://127.0.0.1:{port or self.port}/upload?key=1"

    def serve(self, handler):
        length = int(handler.headers["Content-Length"])
        body = handler.rfile.read(length)
        if len(body) != length:
            return
        named = handler.headers["BITS-Request-DataFile-Name"]
        if named:
            body = pathlib.Path(named).read_bytes()
        call = Call(handler.headers["Idempotency-Key"].strip('"'), int(handler.headers["Larder-Attempt"]), len(body),
                    hashlib.sha256(body).hexdigest(), dict(handler.headers.items()))
        self.calls.append(call)
        self.effects.setdefault(call.id, call.sha256)
        said = self.answer(call)
        if said is None:
            handler.close_connection = True
            return
        status, fields, content = said
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **fields}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


def inbox_calling(lab, application, url=None, **keys):
    return lab_inbox(lab, inbox={"hand_over": "http", "url": url or application.url(), **keys})


def settled(inbox, count, state="delivered"):
    def enough():
        return [row["state"] for row in inbox.rows()].count(state) == count

    wait_until(enough, 40, f"{count} uploads that are {state}")
    return {row["request_key"]: row for row in inbox.rows()}


def get(url, **headers):
    with contextlib.closing(urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20)) as answer:
        return answer.status, answer.headers, answer.read()


def end(inbox, application, sent):
    """The application has each file of `sent` ({transaction: content}), once by its ids; the log has no error."""
    inbox.end_well()
    rows = {row["request_key"]: row for row in inbox.rows()}
    expect_equal(application.effects, {rows[key]["id"]: hashlib.sha256(data).hexdigest() for key, data in sent.items()},
                 "what the application has")


def by_value(lab):
    """The whole file is the body; what travels with it; the body of the answer is the client's reply."""
    sent = {}
    with Application(lambda call: (201, {}, f"got {call.size}".encode())) as application:
        inbox = inbox_calling(lab, application)
        for size in (0, 1, 40 * MIB + 1):
            file, sent[f"t{size}"] = file_of(lab, size)
            taken(curl(file, inbox.url(path(f"t{size}"))))
        rows = settled(inbox, 3)
        for call in application.calls:
            row = next(row for row in rows.values() if row["id"] == call.id)
            expect_equal((call.attempt, call.sha256), (1, row["computed"]), "the attempt and the digest")
            expect_equal(call.fields["BITS-Original-Request-URL"], inbox.url(path(row["request_key"])), "the URL")
            expect_equal(call.fields["Larder-Transaction"], row["request_key"], "the transaction")
            expect_equal(call.fields["Content-Disposition"], f"attachment; filename*=UTF-8''{NAME}", "the name")
        status, _, body = get(inbox.url(f"/reply/{rows['t1']['id']}"))
        expect_equal((status, body), (200, b"got 1"), "the reply")
        end(inbox, application, sent)


def by_reference(lab):
    """The file is named, the reply is left in the file that is named for it; nothing stays there."""
    directory = lab.folder("application")

    def answer(call):
        pathlib.Path(call.fields["BITS-Response-DataFile-Name"]).write_bytes(b"reply to " + str(call.size).encode())
        return 200, {}, b""

    with Application(answer) as application:
        inbox = inbox_calling(lab, application, url_content="reference", directory=str(directory))
        file, data = file_of(lab, 3 * MIB)
        taken(curl(file, inbox.url(path("t"))))
        row = settled(inbox, 1)["t"]
        expect_equal(get(inbox.url(f"/reply/{row['id']}"))[2], b"reply to 3145728", "the reply")
        left = [p for folder in ("ready", "reply") for p in (directory / folder).iterdir()]
        expect(not left, f"left in the application's directory: {left}")
        end(inbox, application, {"t": data})


def lost_answers(lab):
    """The application did its work and its answer was lost, or it died before: it is called again, with the same id."""
    seen = []

    def answer(call):
        seen.append(call)
        return None if len(seen) == 2 else (200, {}, b"")

    with Application(answer) as application, CuttingProxy(application.port) as proxy:
        proxy.lose_answer(b"POST /upload")
        inbox = inbox_calling(lab, application, url=application.url(proxy.port))
        file, data = file_of(lab, 3 * MIB)
        taken(curl(file, inbox.url(path("t"))))
        settled(inbox, 1)
        proxy.expect_done()
        expect_equal([call.attempt for call in application.calls], [1, 2, 3], "attempts")
        expect_equal(len({call.id for call in application.calls}), 1, "ids")
        end(inbox, application, {"t": data})


def killed(lab):
    """larder-inbox is killed while the application works: another call, with the same id and the next attempt."""
    works, go_on = threading.Event(), threading.Event()

    def answer(_call):
        works.set()
        go_on.wait(30)
        return 200, {}, b""

    with Application(answer) as application:
        inbox = inbox_calling(lab, application)
        file, data = file_of(lab, MIB)
        taken(curl(file, inbox.url(path("t"))))
        expect(works.wait(20), "the application was not called")
        inbox.kill()
        go_on.set()
        inbox.start()
        settled(inbox, 1)
        expect_equal([call.attempt for call in application.calls], [1, 2], "attempts")
        end(inbox, application, {"t": data})


def no_and_later(lab):
    """403 and other refusals end it, 503 is asked again when the application wishes."""
    answers = {"no": [(403, {}, b"no room for you")], "odd": [(422, {}, b"")],
               "later": [(503, {"Retry-After": "2"}, b""), (429, {}, b""), (204, {}, b"")]}
    with Application(lambda call: answers[call.fields["Larder-Transaction"]].pop(0)) as application:
        inbox = inbox_calling(lab, application)
        file, data = file_of(lab, 1000)
        for transaction in answers:
            taken(curl(file, inbox.url(path(transaction))))
        settled(inbox, 2, "rejected")
        rows = settled(inbox, 1)
        expect_equal((rows["no"]["answer_status"], rows["no"]["result"]),
                     (403, "the application answered 403: no room for you"), "what was refused")
        expect_equal((rows["later"]["attempt"], rows["odd"]["attempt"]), (3, 1), "attempts")
        again = curl(file, inbox.url(path("no")))
        expect_equal(again.status, 403, "what a client hears who asks again")
        end(inbox, application, {key: data for key in answers})


def over_tls(lab):
    """https with an authority of the configuration; another one's server is never told anything."""
    folder = lab.folder("certificates")
    right, wrong = Authority(folder, "right"), Authority(folder, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*right.sign("application", "IP:127.0.0.1"))
    with Application(context=context) as application:
        inbox = lab_inbox(lab, "wrong", inbox={"hand_over": "http", "url": application.url(scheme="https"),
                                               "url_authorities": str(wrong.certificate)})
        file, data = file_of(lab, 1000)
        taken(curl(file, inbox.url(path("t"))))
        wait_until(lambda: inbox.rows()[0]["attempt"] >= 2, 30, "a second attempt")
        inbox.end_well()
        expect_equal(application.calls, [], "calls of a server that is not trusted")
        expect("certificate" in inbox.rows()[0]["result"], f"the result says {inbox.rows()[0]['result']}")
        inbox = lab_inbox(lab, "right", inbox={"hand_over": "http", "url": application.url(scheme="https"),
                                               "url_authorities": str(right.certificate)})
        taken(curl(file, inbox.url(path("t"))))
        settled(inbox, 1)
        end(inbox, application, {"t": data})


def upload_reply(lab):
    """BITS: the last Fragment is held until the application has answered, which dies once on the way; its Ack names the reply,
    which is fetched in ranges. Close is 200, any number of times."""
    calls = []

    def answer(call):
        calls.append(call)
        return None if len(calls) == 1 else (200, {}, b"0123456789" * 1000)

    with Application(answer) as application:
        inbox = inbox_calling(lab, application, wait_for_application="30s")
        data = seeded_bytes(1, 3 * MIB)
        upload = BitsUpload((inbox.address, inbox.port), f"/in/{INBOX}/t/{NAME}", data).run(until=lambda u: u.state == "close")
        row = inbox.rows()[0]
        expect_equal((row["state"], row["attempt"]), ("delivered", 2), "the upload, when its last Fragment is acknowledged")
        expect_equal(upload.reply_url, inbox.url(f"/reply/{row['id']}"), "BITS-Reply-URL")
        status, headers, first = get(upload.reply_url, Range="bytes=0-9975")
        expect_equal((status, headers["Content-Range"]), (206, "bytes 0-9975/10000"), "a range")
        status, _, rest = get(upload.reply_url, Range="bytes=9976-")
        expect_equal((status, first + rest), (206, b"0123456789" * 1000), "the reply")
        upload.run()
        expect_equal(upload.packet("Close-Session").status, 200, "another Close")
        end(inbox, application, {"t": data})


def static_reply(lab):
    """The application names a URL of its own: the client is sent there, by BITS and by whoever asks for the reply."""
    url = "http://app.example/replies/1"
    with Application(lambda call: (200, {"BITS-Static-Response-URL": url}, b"not this")) as application:
        inbox = inbox_calling(lab, application, wait_for_application="30s")
        data = seeded_bytes(1, 1000)
        upload = BitsUpload((inbox.address, inbox.port), f"/in/{INBOX}/t/{NAME}", data).run()
        expect_equal(upload.reply_url, url, "BITS-Reply-URL")
        end(inbox, application, {"t": data})


def held(lab):
    """An application that takes longer than a client waits: 503, which BITS takes for a reason to ask again; then a refusal, which
    ends the job with the application's context."""
    go_on = threading.Event()

    def answer(_call):
        go_on.wait(30)
        return 410, {}, b"not wanted"

    with Application(answer) as application:
        inbox = inbox_calling(lab, application, wait_for_application="1s")
        data = seeded_bytes(1, 1000)
        upload = BitsUpload((inbox.address, inbox.port), f"/in/{INBOX}/t/{NAME}", data)
        upload.run(until=lambda u: any(p.type == "Fragment" and p.status == 503 for p in u.log))
        expect_equal(upload.sent("Fragment")[-1].received, "1000", "what is next")
        go_on.set()
        try:
            upload.run()
            expect(False, "the client was not told of the refusal")
        except BitsFailed as failed:
            expect_equal((failed.packet.type, failed.packet.status), ("Fragment", 410), "the refusal")
        settled(inbox, 1, "rejected")
        end(inbox, application, {"t": data})


CASES = {f.__name__: f for f in (by_value, by_reference, lost_answers, killed, no_and_later, over_tls, upload_reply, static_reply, held)}


def run(_seed, lab, case):
    CASES[case](lab)
