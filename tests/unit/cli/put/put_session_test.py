#!/usr/bin/env python3
"""`larder put` against an agent of a few lines, which does what real ones do once in a thousand runs: put_session_test.py LARDER."""

import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

LARDER = pathlib.Path(sys.argv.pop(1)).resolve()
URL = "https://example.org/in/"


def job(state="transferred", **more):
    file = {"index": 0, "url": URL, "name": "f", "state": more.pop("file_state", state), "size": 5, "bytes": 5, "sent": 7, "resent": 2,
            "protocol": "tus", "transaction": "j.0", "confirmed": True, "source": "in_place", **more.pop("file", {})}
    return {"id": "j", "kind": "upload", "name": "put f", "state": state, "files": [file], "files_total": 1, "files_done": 0, "size": 5,
            "bytes": file["bytes"], "owner": os.getuid(), "error": None, **more}


class Agent:
    """`answers`: {"METHOD path": [(status, body)…]}, of which the last stays. A body that is None: the connection ends without an
    answer. `events` is what a follower hears; then the stream waits for the test's end."""

    def __init__(self, path, answers, events=()):
        self.answers = {target: list(given) for target, given in answers.items()}
        self.events, self.requests, self.answered, self.sources, self.modes = list(events), [], [], [], []
        self.lock, self.asked = threading.Lock(), threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.path, self.connections = path, []
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.path.unlink()

    def read_request(self, connection):
        text, descriptors = b"", []
        while b"\r\n\r\n" not in text:
            piece, came, _, _ = socket.recv_fds(connection, 65536, 64)
            descriptors += came
            if not piece:
                return None
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        return method, target, body, descriptors

    def serve(self, connection):
        try:
            while request := self.read_request(connection):
                if not self.answer(connection, *request):
                    break
        except OSError:
            pass
        finally:
            connection.close()

    def answer(self, connection, method, target, body, descriptors):
        for descriptor in descriptors:
            self.modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
            self.sources.append(os.pread(descriptor, 1 << 20, 0))
            os.close(descriptor)
        asked = f"{method} {target.partition('?')[0]}"
        with self.asked:
            self.requests.append((asked, json.loads(body) if body else None))
            self.asked.notify_all()
        if asked == "GET /v1/events":
            text = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in self.events)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + text.encode())
            connection.recv(1)  # until the command has gone, or the test
            return False
        with self.lock:
            given = self.answers.get(asked, [(404, {"error": {"code": "not_found", "message": f"cannot find {asked}: it is not there"}})])
            status, content = given.pop(0) if len(given) > 1 else given[0]
        if content is None:
            return False
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        with self.asked:
            self.answered.append(asked)
            self.asked.notify_all()
        return True

    def count(self, asked):
        return sum(one == asked for one, _ in self.requests)

    def wait_for(self, asked):
        """It came and was answered; the next that the command does is to wait for events."""
        with self.asked:
            assert self.asked.wait_for(lambda: asked in self.answered, 20), f"{asked} did not come: {self.requests}"


COMPLETE, JOB, CREATE, CANCEL, SUSPEND = ("POST /v1/jobs/j/complete", "GET /v1/jobs/j", "POST /v1/uploads", "POST /v1/jobs/j/cancel",
                                          "POST /v1/jobs/j/suspend")


class PutSession(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "f"
        self.file.write_bytes(b"bytes")

    def agent(self, answers, **more):
        agent = Agent(self.folder / "sock", answers, **more)
        self.addCleanup(lambda: agent.listener.fileno() < 0 or agent.end())
        return agent

    def start(self, *words, **options):
        command = [LARDER, "--socket", self.folder / "sock", "put", *words]
        options = {"stdin": subprocess.DEVNULL, **options}
        process = subprocess.Popen([str(word) for word in command], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **options)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close(), process.stderr.close()))
        return process

    def put(self, *words, status=0, **options):
        """(standard output, standard error)"""
        process = self.start(*(words or (self.file, URL)), **options)
        said = process.communicate(timeout=30)
        self.assertEqual(process.returncode, status, said)
        return said

    def test_gives_the_file_and_acknowledges(self):
        agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job())], COMPLETE: [(200, job("acknowledged"))]})
        out, said = self.put(self.file, URL, "--json", "--transaction", "t")
        report = json.loads(out)
        self.assertEqual((report["job"], report["state"], report["files"][0]["resent"]), ("j", "acknowledged", 2))
        self.assertIn("digest confirmed", said)
        self.assertIn("sent again 2 B", said)
        self.assertEqual((agent.sources, agent.modes), ([b"bytes"], [os.O_RDONLY]))
        body = next(body for asked, body in agent.requests if asked == CREATE)
        self.assertEqual((body["transaction"], body["files"]), ("t", [{"name": "f", "url": URL}]))
        self.assertEqual(agent.count(COMPLETE), 1)

    def test_follows_events(self):
        agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job("transferring")), (200, job())], COMPLETE: [(200, {})]},
                           events=[("job.progress", job("transferring")), ("job.state", job())])
        self.put()
        self.assertEqual((agent.count(CREATE), agent.count(COMPLETE)), (1, 1))

    def test_an_answer_to_the_end_that_was_lost_sends_nothing_again(self):
        for then in ((404, {"error": {"code": "not_found", "message": "cannot find j: gone"}}), (200, job("acknowledged"))):
            with self.subTest(then=then[0]):
                agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job()), (200, job()), then],
                                    COMPLETE: [(200, None)]})
                self.put()
                self.assertEqual((agent.count(CREATE), agent.sources), (1, [b"bytes"]))
                agent.end()

    def test_an_end_that_was_not_heard_is_told_again(self):
        agent = self.agent({CREATE: [(201, job("queued")), (200, job())], JOB: [(200, job())], COMPLETE: [(200, None), (200, None), (200, {})]})
        self.put()
        self.assertEqual((agent.count(COMPLETE), agent.count(CREATE)), (3, 2))

    def test_an_agent_that_is_started_anew_gets_the_file_again(self):
        answers = {CREATE: [(201, job("queued"))], JOB: [(200, job("transferring"))]}
        first = self.agent(answers)
        process = self.start(self.file, URL)
        first.wait_for(JOB)
        first.end()
        second = self.agent({CREATE: [(200, job("suspended"))], JOB: [(200, job())], COMPLETE: [(200, {})],
                             "POST /v1/jobs/j/resume": [(409, {"error": {"code": "invalid_state", "message": "cannot: it goes on"}})],
                             "PATCH /v1/jobs/j": [(200, {})]})
        said = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual((second.sources, second.count("POST /v1/jobs/j/resume")), ([b"bytes"], 1))
        self.assertIn("waiting for it", said[1])

    def test_a_file_that_changed_while_the_agent_was_away_is_not_sent(self):
        first = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job("transferring"))]})
        process = self.start(self.file, URL)
        first.wait_for(JOB)
        self.file.write_bytes(b"other bytes")
        first.end()
        second = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job())], COMPLETE: [(200, {})]})
        said = process.communicate(timeout=30)
        self.assertEqual((process.returncode, second.count(CREATE)), (60, 0), said)

    def test_a_job_that_failed_by_its_request_is_replaced(self):
        failed = job("error", error={"code": "unauthorized", "message": "cannot put f: 401"})
        agent = self.agent({CREATE: [(200, failed), (201, job("queued"))], CANCEL: [(200, {})], JOB: [(200, job())], COMPLETE: [(200, {})]})
        self.put()
        self.assertEqual((agent.count(CANCEL), agent.count(CREATE)), (1, 2))

    def test_what_failed_is_kept_or_ended(self):
        for code, bytes_there, status, kept in (("source_changed", 3, 60, False), ("outcome_unknown", 5, 61, True),
                                                ("rejected_by_application", 5, 62, False), ("digest_mismatch", 5, 40, False),
                                                ("http_transient", 3, 31, True), ("http_transient", 0, 31, False)):
            with self.subTest(code=code):
                error = {"code": code, "message": "cannot put f: the cause"}
                failed = job("error", file_state="failed", error=error, file={"bytes": bytes_there, "error": error})
                agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, failed)], CANCEL: [(200, {})]})
                said = self.put(status=status)[1]
                self.assertIn("cannot put f: the cause", said)
                self.assertEqual((agent.count(CANCEL), agent.count(COMPLETE)), (0 if kept else 1, 0))
                self.assertEqual("larder job cancel j" in said, kept, said)
                agent.end()

    def test_somebody_else_ends_it(self):
        self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job("cancelled"))]})
        self.assertIn("somebody ended it", self.put(status=10)[1])

    def test_a_signal_suspends_it(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(signal=number):
                agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job("transferring"))], SUSPEND: [(200, {})]})
                process = self.start(self.file, URL)
                agent.wait_for(JOB)
                process.send_signal(number)
                said = process.communicate(timeout=30)[1]
                self.assertEqual(process.returncode, status, said)
                self.assertIn("the same command goes on", said)
                self.assertEqual(agent.count(SUSPEND), 1)
                agent.end()

    def test_the_reply_is_written_before_the_job_is_acknowledged(self):
        reply = "GET /v1/jobs/j/files/0/reply"
        agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job(file={"reply": True}))], reply: [(200, b"the answer\n")],
                            COMPLETE: [(200, {})]})
        out, _ = self.put(self.file, URL + "f", "--protocol", "bits", "--reply", "reply", "--json")
        self.assertEqual((self.folder / "reply").read_bytes(), b"the answer\n")
        self.assertEqual(json.loads(out)["reply"], "reply")
        asked = [asked for asked, _ in agent.requests]
        self.assertLess(asked.index(reply), asked.index(COMPLETE))
        self.assertEqual(sorted(os.listdir(self.folder)), ["f", "reply", "sock"])

    def test_a_reply_that_cannot_be_had_keeps_the_job(self):
        agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job(file={"reply": True}))], COMPLETE: [(200, {})]})
        said = self.put(self.file, URL + "f", "--protocol", "bits", "--reply", "reply", status=5)[1]
        self.assertIn("its reply is kept with job j", said)
        self.assertEqual(agent.count(COMPLETE), 0)
        self.assertEqual(sorted(os.listdir(self.folder)), ["f", "sock"])

    def test_no_reply_is_told(self):
        self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job())], COMPLETE: [(200, {})]})
        said = self.put(self.file, URL + "f", "--protocol", "bits", "--reply", "reply")[1]
        self.assertIn("no reply", said)
        self.assertFalse((self.folder / "reply").exists())

    def test_standard_input_is_handed_over_without_a_name(self):
        agent = self.agent({CREATE: [(201, job("queued"))], JOB: [(200, job())], COMPLETE: [(200, {})]})
        with open(self.file, "rb") as source:
            self.put("-", URL + "name", stdin=source, env={**os.environ, "TMPDIR": str(self.folder)})
        self.assertEqual(agent.sources, [b"bytes"])
        body = next(body for asked, body in agent.requests if asked == CREATE)
        self.assertEqual((body["spool"], body["files"][0]["name"]), (True, "name"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["f", "sock"])

    def test_an_agent_without_uploads_says_so(self):
        self.agent({})
        self.assertIn("/v1/uploads", self.put(status=5)[1])


if __name__ == "__main__":
    unittest.main()
