#!/usr/bin/env python3
"""Uploads one file to an inbox as a client of its protocol does: resumes, retries, and ends with a success or a refusal.

    upload_client.py JOB.json

A process of its own, to be killed at any moment and started again with the same job. Everything that it says and hears is
a line of its journal, which is also its memory: what it wrote there before a kill it knows after it.
"""

import base64
import hashlib
import json
import os
import socket
import sys
import time

RETRY = 0.02
PATIENCE = 90.0  # longer than the server's housekeeping takes to come by
AGAIN = (408, 409, 423, 425, 429, 460, 500, 502, 503, 504, 507)
PIECE = 16 << 10
BITS_PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"


class Refused(Exception):
    """The server's last word."""


class Journal:
    def __init__(self, path, forgets):
        self.known = [] if forgets or not os.path.exists(path) else self.read(path)
        self.out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @staticmethod
    def read(path):
        with open(path, "rb") as lines:
            return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def write(self, what, **facts):
        line = {"t": time.monotonic(), "pid": os.getpid(), "what": what, **facts}
        self.known.append(line)
        os.write(self.out, json.dumps(line).encode() + b"\n")

    def last(self, key):
        return next((line[key] for line in reversed(self.known) if key in line), None)


class Connection:
    """HTTP/1.1, one request at a time, kept alive where the server keeps it."""

    def __init__(self, address, timeout=20):
        self.address, self.timeout, self.socket, self.buffer = tuple(address), timeout, None, b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def ask(self, method, target, fields, body=b""):
        """(status, fields in lower case), or None where no answer came."""
        try:
            if self.socket is None:
                self.socket = socket.create_connection(self.address, timeout=self.timeout)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = f"{method} {target} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
            self.send(head.encode(), body)
            return self.answer(method)
        except (OSError, ValueError, IndexError):
            self.close()
            return None

    def send(self, head, body):
        try:
            self.socket.sendall(head)
            for start in range(0, len(body), PIECE):
                self.socket.sendall(body[start:start + PIECE])
        except OSError:
            pass  # the answer may have come early

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection ended")
        self.buffer += data

    def answer(self, method):
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.receive()
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                break
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = 0 if method == "HEAD" or status in (204, 304) else int(fields.get("content-length", 0))
        while len(self.buffer) < length:
            self.receive()
        self.buffer = self.buffer[length:]
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, fields


def digest_field(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class Client:
    def __init__(self, job, connection=None, journal=None):
        self.job = job
        self.journal = journal or Journal(job["journal"], job.get("forgets", False))
        with open(job["source"], "rb") as source:
            self.data = source.read()
        self.connection = connection or Connection(job["address"])
        self.deadline = time.monotonic() + job.get("patience", PATIENCE)

    def say(self, method, target, fields, body=b"", **notes):
        fields = {"Authorization": f"Bearer {self.job['token']}", "Content-Length": len(body), **fields}
        self.journal.write("send", method=method, target=target, length=len(body), **notes)
        answer = self.connection.ask(method, target, fields, body)
        if answer is None:
            self.journal.write("lost", method=method)
        else:
            self.journal.write("got", method=method, target=target, status=answer[0], fields=answer[1])
        return answer

    def wait(self):
        if time.monotonic() > self.deadline:
            raise TimeoutError("the client has no more patience")
        time.sleep(RETRY)

    def run(self):
        try:
            self.upload()
            self.journal.write("success")
            return 0
        except Refused as why:
            self.journal.write("refused", why=str(why))
            return 1
        except TimeoutError as why:
            self.journal.write("gave_up", why=str(why))
            return 2

    def part(self, offset):
        return self.data[offset:offset + self.job["part"]]

    def refuse(self, doing, answer):
        raise Refused(f"{doing}: {answer[0]} {answer[1]}")


class Tus(Client):
    def fields(self, **more):
        return {"Tus-Resumable": "1.0.0", **{name.replace("_", "-"): value for name, value in more.items()}}

    def upload(self):
        location = self.journal.last("location")
        offset = None
        while True:
            if location is None:
                location, offset = self.create()
            elif offset is None:
                offset = self.look(location)
                if offset is None:
                    location = None
            else:
                offset = self.append(location, offset)
            if offset == len(self.data):
                return
            if offset is None or location is None:
                self.wait()

    def create(self):
        name = base64.b64encode(self.job["name"].encode()).decode()
        fields = self.fields(Upload_Length=len(self.data), Upload_Metadata=f"filename {name}")
        fields["Idempotency-Key"] = f'"{self.job["tx"]}"'
        if self.job["declares"]:
            fields["Repr-Digest"] = digest_field(self.data)
        body = b""
        if self.job["with_upload"]:
            body = self.part(0)
            fields["Content-Type"] = "application/offset+octet-stream"
        answer = self.say("POST", f"/in/{self.job['inbox']}/", fields, body, step="create")
        if answer is None or (answer[0] in AGAIN and "location" not in answer[1]):
            return None, None
        if answer[0] != 201 and "location" not in answer[1]:
            self.refuse("create", answer)
        location = "/" + answer[1]["location"].split("://", 1)[-1].split("/", 1)[1]
        self.journal.write("knows", location=location)
        offset = answer[1].get("upload-offset") if answer[0] == 201 else None
        return location, int(offset) if offset is not None else None

    def look(self, location):
        while True:
            answer = self.say("HEAD", location, self.fields(), step="look")
            if answer and answer[0] in (200, 204):
                return int(answer[1]["upload-offset"])
            if answer and answer[0] in (404, 410):
                return None
            if answer and answer[0] not in AGAIN:
                self.refuse("look", answer)
            self.wait()

    def append(self, location, offset):
        body = self.part(offset)
        fields = self.fields(Upload_Offset=offset, Content_Type="application/offset+octet-stream")
        if self.job["checksum"]:
            digest = hashlib.new(self.job["checksum"], body).digest()
            fields["Upload-Checksum"] = f"{self.job['checksum']} {base64.b64encode(digest).decode()}"
        answer = self.say("PATCH", location, fields, body, step="append", last=offset + len(body) == len(self.data))
        if answer and answer[0] == 204:
            return int(answer[1]["upload-offset"])
        if answer and answer[0] not in (*AGAIN, 404, 410):
            self.refuse("append", answer)
        return None


class Bits(Client):
    def packet(self, kind, fields=(), body=b"", **notes):
        target = f"/in/{self.job['inbox']}/{self.job['tx']}/{self.job['name']}"
        fields = {"BITS-Packet-Type": kind, **dict(fields)}
        return self.say("BITS_POST", target, fields, body, step=kind, **notes)

    def upload(self):
        session, offset, total = self.journal.last("session"), 0, len(self.data)
        if session:
            self.packet("Ping")
            offset = self.journal.last("next") or 0
        while offset < total:
            if session is None:
                session = self.create()
                if session == "done":
                    return
                if session is None:
                    self.wait()
                    continue
            body = self.part(offset)
            last = offset + len(body) - 1
            answer = self.packet("Fragment", {"BITS-Session-Id": session, "Content-Range": f"bytes {offset}-{last}/{total}"},
                                 body, last=last + 1 == total)
            if answer and (answer[0] == 416 or answer[0] == 200):
                offset = int(answer[1]["bits-received-content-range"])
                self.journal.write("knows", next=offset)
            elif answer and answer[0] == 500 and answer[1].get("bits-error-code", "").lower() == "0x8020001f":
                session = None  # where it goes on is told by the new session's first answer
            elif answer and answer[0] not in AGAIN:
                self.refuse("Fragment", answer)
            else:
                self.wait()
        self.close(session)

    def create(self):
        answer = self.packet("Create-Session", {"BITS-Supported-Protocols": BITS_PROTOCOL})
        if answer is None or answer[0] in AGAIN:
            return None
        if answer[0] == 403:  # there is a whole one: ours, where we sent the last byte
            if any(line.get("step") == "Fragment" and line.get("last") for line in self.journal.known):
                return "done"
            self.refuse("Create-Session", answer)
        if answer[0] != 200:
            self.refuse("Create-Session", answer)
        self.journal.write("knows", session=answer[1]["bits-session-id"])
        return answer[1]["bits-session-id"]

    def close(self, session):
        while True:
            answer = self.packet("Close-Session", {"BITS-Session-Id": session})
            if answer and answer[0] == 200:
                return
            if answer and answer[0] not in AGAIN:
                self.refuse("Close-Session", answer)
            self.wait()


class Put(Client):
    def upload(self):
        target = f"/in/{self.job['inbox']}/{self.job['tx']}/{self.job['name']}"
        fields = {"Repr-Digest": digest_field(self.data)} if self.job["declares"] else {}
        while True:
            answer = self.say("PUT", target, fields, self.data, step="create", last=True)
            if answer and answer[0] in (200, 201, 204):
                return
            # 410: a newer PUT of the same transaction began; this one begins anew, as one does after a break.
            if answer and answer[0] not in (*AGAIN, 410):
                self.refuse("PUT", answer)
            self.wait()


DIALECTS = {"tus": Tus, "bits": Bits, "put": Put}


def main():
    with open(sys.argv[1], encoding="utf-8") as text:
        job = json.load(text)
    return DIALECTS[job["dialect"]](job).run()


if __name__ == "__main__":
    sys.exit(main())
