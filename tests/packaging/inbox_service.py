"""larder-inbox as a service of a machine: what an administrator, a client and an application do with it, and what must hold."""

import hashlib
import json
import re

from larder_lab import KIB, expect, seeded_bytes

UNIT = "larder-inbox.service"
PART = 100 * KIB
# In the machine, with its own Python. Arguments: method, path, token, headers in JSON, a file for the body or "". Prints status and headers in JSON.
CLIENT = r"""
import http.client, json, sys
method, path, token, headers, body = sys.argv[1:6]
connection = http.client.HTTPConnection("127.0.0.1", 7480, timeout=60)
data = open(body, "rb").read() if body else b""
connection.request(method, path, data, {"Authorization": "Bearer " + token, "Content-Length": str(len(data)), **json.loads(headers)})
answer = connection.getresponse()
answer.read()
print(json.dumps([answer.status, {name.lower(): value for name, value in answer.getheaders()}]))
"""
CONFIGURATION = """# by an administrator
[server]
admins = ["builder"]
keep_free = "1 MiB"
[[principal]]
name = "anna"
token_sha256 = ["{digest}"]
[[inbox]]
name = "incoming"
principals = ["anna"]
hand_over = "take"
[[inbox]]
name = "builds"
principals = ["anna"]
hand_over = "{way}"
{directory}
"""


class InboxService:
    def __init__(self, machine):
        self.machine, self.token, self.digest, self.made = machine, "nobody's", "", 0

    def pid(self):
        return int(self.machine.property(UNIT, "MainPID"))

    def is_up(self):
        machine = self.machine
        machine.wait(lambda: machine.property(UNIT, "SubState") == "running", f"{UNIT} runs")
        expect(machine.run("systemctl", "is-enabled", UNIT).strip() == "enabled", f"{UNIT} does not start with the machine")
        expect(machine.run("stat", "-c", "%U %a", "/var/lib/larder-inbox").strip() == "larder-inbox 700", "the state is open to others")
        user = machine.run("stat", "-c", "%U", f"/proc/{self.pid()}").strip()
        expect(user == "larder-inbox", f"it runs as {user}")

    def ask(self, method, path, body="", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return json.loads(self.machine.run("/usr/bin/python3", "-c", CLIENT, method, path, self.token, json.dumps(headers), body))

    def source(self, size):
        """A new file in the machine, and its bytes."""
        self.made += 1
        data, name = seeded_bytes(("packaged", self.made), size), f"/root/sent-{self.made}"
        self.machine.path(name).write_bytes(data)
        return name, data

    def refuses_everybody(self):
        name, _ = self.source(1000)
        status, _ = self.ask("PUT", "/in/incoming/t/first", name)
        expect(status == 401, f"as it is installed it answers {status} to a stranger")

    def configure(self, way, directory=""):
        text = CONFIGURATION.format(digest=self.digest, way=way, directory=f'directory = "{directory}"' if directory else "")
        self.machine.write("/etc/larder/inbox.toml", text)
        self.machine.run("larder-inbox", "--check")
        self.machine.run("systemctl", "restart", UNIT)
        self.is_up()

    def is_configured(self):
        told = dict(re.findall(r"^(\w+): (\S+)$", self.machine.run("larder-inbox", "--new-token"), re.MULTILINE))
        self.token, self.digest = told["token"], told["token_sha256"]
        self.machine.run("useradd", "--create-home", "builder")
        self.configure("take")

    def takes_and_hands_over(self):
        machine = self.machine
        name, data = self.source(3 * PART)
        for _ in range(2):  # the second is answered as the first, and hands nothing over
            status, _ = self.ask("PUT", "/in/incoming/t-1/report.pdf", name)
            expect(status in (200, 201, 204), f"PUT: {status}")
        expect(machine.status("larder", "inbox", "list", user="anna") != 0, "a user whom nobody named sees uploads")
        taken = json.loads(machine.run("larder", "inbox", "take", "incoming", "--json", "-o", "/home/builder/report.pdf", user="builder"))
        seen = hashlib.sha256(machine.path("/home/builder/report.pdf").read_bytes()).hexdigest()
        expect(seen == hashlib.sha256(data).hexdigest(), "the file is another")
        machine.run("larder", "inbox", "ack", taken["id"], user="builder")
        expect("delivered" in machine.run("larder", "inbox", "show", taken["id"], user="builder"), "it is not delivered")

    def hands_over_by_directory(self):
        """The application's directory, its group inherited; the service is let in by a drop-in."""
        machine = self.machine
        machine.run("mkdir", "-p", "/srv/builds")
        machine.run("chown", "builder:builder", "/srv/builds")
        machine.run("chmod", "2770", "/srv/builds")
        machine.write("/etc/systemd/system/larder-inbox.service.d/builds.conf", "[Service]\nReadWritePaths=/srv/builds\nSupplementaryGroups=builder\n")
        machine.run("systemctl", "daemon-reload")
        self.configure("directory", "/srv/builds")
        name, data = self.source(2 * PART)
        status, _ = self.ask("PUT", "/in/builds/t-2/a.bin", name)
        expect(status in (200, 201, 204), f"PUT: {status}")
        there = machine.wait(lambda: machine.run("sh", "-c", "ls /srv/builds/ready", user="builder").split(), "the file in ready/")
        expect(len(there) == 1 and there[0].endswith(".a.bin"), f"ready/ has {there}")
        seen = machine.run("sha256sum", f"/srv/builds/ready/{there[0]}", user="builder").split()[0]
        expect(seen == hashlib.sha256(data).hexdigest(), "the application reads another file")
        machine.run("mv", f"/srv/builds/ready/{there[0]}", "/srv/builds/done/", user="builder")
        upload = there[0].split(".")[0]
        machine.wait(lambda: "delivered" in machine.run("larder", "inbox", "show", upload), "the word of the application in the ledger")

    def survives_kill(self):
        machine, pid = self.machine, self.pid()
        half = self.begins_upload()
        machine.run("sh", "-c", f"kill -9 {pid}")
        machine.wait(lambda: self.pid() not in (0, pid), "the next one", 60)
        self.is_up()
        self.goes_on(half)

    def begins_upload(self):
        """Half of one by tus: (where it is, its file, its bytes)."""
        name, data = self.source(2 * PART)
        status, fields = self.ask("POST", "/in/incoming/", Tus_Resumable="1.0.0", Upload_Length=str(len(data)))
        expect(status == 201, f"creation: {status}")
        place = "/" + fields["location"].split("://", 1)[-1].split("/", 1)[1]
        self.append(place, name, data, 0)
        return place, name, data

    def append(self, place, name, data, offset):
        part = f"{name}.part"
        self.machine.path(part).write_bytes(data[offset:offset + PART])
        status, fields = self.ask("PATCH", place, part, Tus_Resumable="1.0.0", Upload_Offset=str(offset),
                                  Content_Type="application/offset+octet-stream")
        expect(status == 204 and int(fields["upload-offset"]) == offset + PART, f"PATCH: {status} {fields}")

    def goes_on(self, half):
        place, name, data = half
        status, fields = self.ask("HEAD", place, Tus_Resumable="1.0.0")
        expect(status in (200, 204) and int(fields["upload-offset"]) == PART, f"it does not go on where it stood: {status} {fields}")
        self.append(place, name, data, PART)
        taken = json.loads(self.machine.run("larder", "inbox", "take", "incoming", "--json", "-o", f"{name}.got"))
        expect(self.machine.path(f"{name}.got").read_bytes() == data, "the file is another")
        self.machine.run("larder", "inbox", "ack", taken["id"])
