#!/usr/bin/env python3
"""Applications that take uploads from larder-inbox by the command line: take_test.py BIN_DIRECTORY

The server is the program as it is built, on an address of 127.0.0.0/8; uploads come by PUT, `larder inbox` takes them. Every answer
of inbox.sock that the test asks for itself is held against docs/inbox-api.yaml.
"""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/support"))

from api_document import ApiDocument  # noqa: E402

BIN = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build/release/bin"
DOCUMENT = ApiDocument((ROOT / "docs/inbox-api.yaml").read_text(encoding="utf-8"))
NOTHING_WAITS = 12
NOBODY, NAMED = 65534, 64999  # users without a name are enough


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server:
    """One larder-inbox with a state that outlives its processes."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "state").mkdir()
        self.socket = str(folder / "run/inbox.sock")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "inbox.toml").write_text(f"""
[server]
state_directory = "{folder}/state"
runtime_directory = "{folder}/run"
listen = ["127.0.0.1:{self.port}"]
keep_free = "1 MiB"
admins = ["{NAMED}"]
[[inbox]]
name = "builds"
principals = ["anybody"]
[[inbox]]
name = "files"
principals = ["anybody"]
hand_over = "directory"
directory = "{folder}/files"
""", encoding="utf-8")
        (folder / "files").mkdir()
        self.process = None

    def start(self):
        self.process = subprocess.Popen([BIN / "larder-inbox", "--config", self.folder / "inbox.toml"], stderr=subprocess.PIPE,
                                        text=True)
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if " ready " in line:
                return
        raise AssertionError("larder-inbox does not start: " + "".join(lines))

    def end(self, how):
        self.process.send_signal(how)
        self.process.communicate(timeout=30)  # also reads the log, so that it never stands still by a full pipe
        return self.process.returncode

    def put(self, key, content, inbox="builds"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("PUT", f"/in/{inbox}/{key}/{key}.bin", body=content)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 201:
            raise AssertionError(f"the upload {key} is answered {answer.status}")

    def ask(self, method, path, body=None):
        connection = SocketConnection(self.socket)
        connection.request(method, path, body=json.dumps(body) if body else None)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        problems = DOCUMENT.answer_problems(method, path, answer.status, answer.headers["Content-Type"], content)
        if problems:
            raise AssertionError("; ".join(problems))
        return answer.status, content

    def shown(self, upload):
        status, content = self.ask("GET", f"/v1/uploads/{upload}")
        if status != 200:
            raise AssertionError(f"upload {upload}: {status}")
        return json.loads(content)

    def larder(self, *words, folder=None, user=None, expect=0):
        as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        done = subprocess.run([BIN / "larder", "inbox", *words, "--socket", self.socket], capture_output=True, timeout=60,
                              cwd=folder or self.folder, check=False, **as_user)
        if done.returncode != expect:
            raise AssertionError(f"larder inbox {' '.join(map(str, words))}: {done.returncode}, not {expect}: "
                                 f"{done.stdout!r} {done.stderr!r}")
        return done

    def take(self, *words, folder=None):
        return self.larder("take", "builds", *words, folder=folder).stdout.decode().strip()


class Take(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larder-take-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Server(self.folder)
        self.server.start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.end(signal.SIGKILL))
        self.into = self.folder / "into"
        self.into.mkdir()

    def test_a_file_is_taken_and_acknowledged(self):
        content = os.urandom(3_000_001)
        self.server.put("one", content)
        upload = self.server.take("-o", "into/")
        self.assertRegex(upload, "^[a-z2-7]{26}$")
        self.assertEqual((self.into / upload).read_bytes(), content)
        self.assertEqual([path.name for path in self.into.iterdir()], [upload], "no hidden file is left")
        shown = self.server.shown(upload)
        self.assertEqual((shown["state"], shown["attempt"], shown["name"], shown["key"]), ("delivering", 1, "one.bin", "one"))
        self.server.larder("take", "builds", expect=NOTHING_WAITS)
        self.assertIn(b"delivered", self.server.larder("ack", upload, "--result", "row 17").stdout)
        self.server.larder("ack", upload)  # repeated
        shown = self.server.shown(upload)
        self.assertEqual((shown["state"], shown["result"]), ("delivered", "row 17"))
        self.server.larder("reject", upload, "--reason", "too late", expect=7)
        self.server.larder("take", "builds", expect=NOTHING_WAITS)
        self.assertIn(b"row 17", self.server.larder("show", upload).stdout)
        listed = json.loads(self.server.larder("list", "--state", "delivered", "--json").stdout)
        self.assertEqual([each["id"] for each in listed["uploads"]], [upload])
        status, metrics = self.server.ask("GET", "/metrics")
        self.assertEqual(status, 200)
        for line in (b'larder_inbox_uploads{state="delivered"} 1', b"larder_inbox_received_bytes_total 3000001",
                     b'larder_inbox_answers_total{dialect="put",code="201"} 1'):
            self.assertIn(line + b"\n", metrics)
        self.assertEqual(self.server.ask("GET", "/v1/healthz")[0], 200)
        self.assertEqual(self.server.ask("GET", "/v1/nothing")[0], 404)
        self.assertEqual(self.server.end(signal.SIGTERM), 0)

    def test_a_reply_is_what_the_client_finds(self):
        self.server.put("one", b"abc")
        upload = self.server.take("-o", "into/")
        reply = self.folder / "reply.bin"
        reply.write_bytes(os.urandom(200_000))
        self.server.larder("ack", upload, "--reply", self.folder / "none", expect=5)
        self.server.larder("ack", upload, "--reply", reply, "--result", "x", expect=2)
        self.assertEqual(self.server.shown(upload)["state"], "delivering")
        self.assertIn(b"delivered", self.server.larder("ack", upload, "--reply", reply).stdout)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("GET", f"/reply/{upload}")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, reply.read_bytes()))
        connection.close()
        self.assertEqual(self.server.ask("POST", f"/v1/uploads/{upload}/reply", {"another": 1})[0], 200)
        large = self.folder / "large"
        large.write_bytes(bytes((1 << 20) + 1))
        self.server.put("two", b"def")
        other = self.server.take("-o", "into/")
        self.server.larder("ack", other, "--reply", large, expect=9)
        self.assertEqual(self.server.shown(other)["state"], "delivering")

    def test_an_empty_file_and_one_that_replaces_another(self):
        self.server.put("empty", b"")
        (self.into / "x").write_bytes(b"before")
        self.server.take("-o", "into/x")
        self.assertEqual((self.into / "x").read_bytes(), b"")

    def test_a_rejection_has_its_reason(self):
        self.server.put("one", b"abc")
        upload = self.server.take()
        self.assertEqual((self.folder / upload).read_bytes(), b"abc", "without -o it is here, named by the id")
        self.server.larder("reject", upload, expect=2)  # without a reason
        self.server.larder("reject", upload, "--reason", "no such project")
        shown = self.server.shown(upload)
        self.assertEqual((shown["state"], shown["result"], shown["answer"]["status"]), ("rejected", "no such project", 422))
        self.server.larder("ack", upload, expect=7)
        self.server.larder("take", "builds", expect=NOTHING_WAITS)

    def test_a_lease_that_ends_offers_the_same_id_again(self):
        self.server.put("one", b"abc")
        upload = self.server.take("--lease", "1s", "-o", "into/first")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status, content = self.server.ask("POST", "/v1/inboxes/builds/take?lease=60")
            if status == 200:
                break
            time.sleep(0.05)  # paced: nothing tells that a lease ended
        again = json.loads(content)
        self.assertEqual((again["id"], again["attempt"]), (upload, 2))
        self.assertGreaterEqual(again["lease_until"], again["created_at"])
        self.server.larder("renew", upload, "--attempt", "1", expect=7)
        self.server.larder("renew", upload, "--attempt", "2", "--lease", "2h")
        self.server.larder("ack", upload)  # of the first taker: it has the file
        self.assertEqual(self.server.shown(upload)["state"], "delivered")

    def test_takers_at_once_get_different_uploads(self):
        contents = {f"key{number}": os.urandom(50_000 + number) for number in range(24)}
        for key, content in contents.items():
            self.server.put(key, content)

        def take_all(_):
            taken = []
            while True:
                done = subprocess.run([BIN / "larder", "inbox", "take", "builds", "-o", self.into, "--json", "--socket",
                                       self.server.socket], capture_output=True, timeout=60, check=False)
                if done.returncode == NOTHING_WAITS:
                    return taken
                self.assertEqual(done.returncode, 0, done.stderr)
                taken.append(json.loads(done.stdout))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            taken = [each for of_one in pool.map(take_all, range(4)) for each in of_one]
        self.assertEqual(sorted(each["key"] for each in taken), sorted(contents))
        self.assertEqual({each["attempt"] for each in taken}, {1})
        for each in taken:
            self.assertEqual(pathlib.Path(each["file"]).read_bytes(), contents[each["key"]])
            self.assertEqual(each["sha256"], hashlib.sha256(contents[each["key"]]).hexdigest())

    def test_a_server_that_is_killed_between_take_and_ack(self):
        self.server.put("one", b"abc")
        self.server.put("two", b"def")
        upload = self.server.take()
        self.server.end(signal.SIGKILL)
        gone = self.server.larder("ack", upload, expect=56)
        self.assertRegex(gone.stderr, b"reach larder-inbox at .*: nobody listens there any more; start larder-inbox")
        self.server.start()
        other = self.server.take()
        self.assertNotEqual(other, upload, "the lease outlives the server")
        self.server.larder("take", "builds", expect=NOTHING_WAITS)
        self.server.larder("ack", upload)
        self.server.end(signal.SIGKILL)
        self.server.start()
        self.assertEqual(self.server.shown(upload)["state"], "delivered", "what was acknowledged is durable")
        self.assertEqual(self.server.shown(other)["state"], "delivering")
        self.server.larder("ack", other)

    def test_a_place_that_cannot_be_written_costs_no_attempt(self):
        self.server.put("one", b"abc")
        for output in ("nowhere/x", "into/no/where", "/dev/full/x"):
            self.assertNotEqual(self.refused("take", "builds", "-o", output), NOTHING_WAITS)
        self.assertEqual(self.refused("take", "builds", "-o", "-", "--json"), 2)
        self.assertEqual(self.refused("take", "builds", "--lease", "8d"), 2)
        upload = json.loads(self.server.larder("list", "--json").stdout)["uploads"][0]
        self.assertEqual((upload["state"], upload["attempt"]), ("accepted", 0))

    def refused(self, *words):
        done = subprocess.run([BIN / "larder", "inbox", *words, "--socket", self.server.socket], capture_output=True, timeout=60,
                              cwd=self.folder, check=False)
        self.assertNotEqual(done.returncode, 0, words)
        return done.returncode

    def test_a_file_that_is_not_whole_is_not_there(self):
        self.server.put("one", b"a" * 100_000)
        upload = json.loads(self.server.larder("list", "--json").stdout)["uploads"][0]["id"]
        stored = self.folder / "state/uploads/content" / upload
        with stored.open("r+b") as file:
            file.write(b"b")  # another byte
        done = self.server.larder("take", "builds", "-o", "into/x", expect=47)
        self.assertIn(upload.encode(), done.stderr, "who took it knows which")
        self.assertEqual(list(self.into.iterdir()), [])
        os.truncate(stored, 99_999)
        self.assertEqual(self.server.ask("GET", f"/v1/uploads/{upload}/content")[0], 500)

    def test_standard_output(self):
        content = os.urandom(1_000_000)
        self.server.put("one", content)
        done = self.server.larder("take", "builds", "-o", "-")
        self.assertEqual(done.stdout, content)
        told = re.search(rb"took ([a-z2-7]{26}) \(attempt 1\)", done.stderr)
        self.assertTrue(told, done.stderr)
        self.server.larder("ack", told[1].decode())

    def test_other_ways_and_other_names(self):
        self.server.larder("take", "nothing", expect=5)
        self.server.larder("take", "files", expect=7)
        self.server.larder("ack", "nothing", expect=5)
        self.server.put("one", b"abc", inbox="files")
        upload = json.loads(self.server.larder("list", "--inbox", "files", "--json").stdout)["uploads"][0]["id"]
        self.server.larder("ack", upload, expect=7)
        self.server.larder("list", "--state", "lost", expect=2)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_who_is_no_admin_is_refused(self):
        self.server.put("one", b"abc")
        upload = json.loads(self.server.larder("list", "--json").stdout)["uploads"][0]["id"]
        for words in (("list",), ("show", upload), ("take", "builds", "-o", "-"), ("ack", upload)):
            done = self.server.larder(*words, user=NOBODY, expect=6)
            self.assertIn(b"server.admins", done.stderr)
        self.assertEqual(self.server.shown(upload)["attempt"], 0)
        done = self.server.larder("take", "builds", "-o", "-", user=NAMED)
        self.assertEqual(done.stdout, b"abc")
        self.assertEqual(self.server.shown(upload)["holder"], f"user {NAMED}")


if __name__ == "__main__":
    unittest.main()
