#!/usr/bin/env python3
"""The Python module larder against the real agent: python_test.py BIN_DIRECTORY

It is held against docs/api.yaml (a method for each operation, with its query; a type for each schema, with its members), every
operation is called, and the example updater installs what is signed and gives up on what is not.
"""

import argparse
import inspect
import os
import pathlib
import re
import sys
import tempfile
import typing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "packaging/python"), str(ROOT / "tests/support")]

import larder  # noqa: E402
from api_document import ApiDocument  # noqa: E402
from larder_lab import Edition, EditionResource, Lab, expect, expect_equal, seeded_bytes  # noqa: E402
from updater_story import tell_updater_story  # noqa: E402

EXAMPLE = ROOT / "packaging/python/examples/updater.py"


def snake(name):
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def against_the_document():
    document = ApiDocument.of_this_tree().tree
    wanted = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                wanted[snake(operation["operationId"])] = (path, operation)
    for name, (path, operation) in wanted.items():
        method = getattr(larder.Client, name, None)
        expect(callable(method), f"{name}: no method")
        parameters = set(inspect.signature(method).parameters) - {"self"}
        for query in (p["name"] for p in operation.get("parameters", []) if p["in"] == "query"):
            expect(query in parameters, f"{name}: no parameter {query}")
        for part in re.findall(r"{(\w+)}", path):
            expect(part in parameters, f"{name}: no parameter {part}")
        expect("return" in typing.get_type_hints(method), f"{name}: its answer has no type")
    for name, schema in document["components"]["schemas"].items():
        if name in ("ErrorBody", "ErrorOrNull"):
            continue
        kind = getattr(larder, name, None)
        expect(kind is not None, f"{name}: no type")
        expect_equal(set(kind.__annotations__), set(schema["properties"]), f"members of {name}")
        required = {m for m in schema.get("required", [])}
        # __required_keys__ does not see NotRequired in annotations that are text (Python 3.11).
        always = {m for m, of in kind.__annotations__.items() if not of.__forward_arg__.startswith("NotRequired[")}
        expect_equal(always, required, f"required members of {name}")
    return len(wanted)


class Called:
    """Which operations were called."""

    def __init__(self, client):
        self.client, self.names = client, set()

    def __getattr__(self, name):
        found = getattr(self.client, name)
        if callable(found):
            self.names.add(name)
        return found


def jobs(lab, agent, data):
    url = lab.origin.serve("/content", EditionResource([Edition(data, etag='"1"')]))
    status = agent.get_status()
    expect_equal(status["caller"], {"uid": os.getuid(), "admin": True}, "caller")
    expect("larder_build_info" in agent.get_metrics(), "metrics")
    job = agent.create_job({"files": [{"url": url}], "start": False, "name": "nightly"}, files=False)
    expect("files" not in job and job["state"] == "suspended", str(job))
    expect_equal(agent.create_job({"name": "nightly"}, once=True)["id"], job["id"], "once")
    other = lab.origin.serve("/other", EditionResource([Edition(data, etag='"2"')]))
    agent.add_files(job["id"], {"files": [{"url": lab.origin.url("/nothing")}]})
    agent.retarget_file(job["id"], 1, {"url": other})
    agent.change_job(job["id"], {"priority": "high"})
    expect_equal([of["id"] for of in agent.list_jobs(state="suspended")["jobs"]], [job["id"]], "jobs")
    expect_equal(len(agent.list_jobs(all=True)["jobs"]), 1, "everybody's jobs")
    agent.resume_job(job["id"])
    states = [of["state"] for of in agent.follow(job["id"])]
    expect_equal(states[-1], "transferred", "the last state")
    expect_equal(agent.get_job(job["id"], files=False)["priority"], "high", "priority")
    for content in [agent.open_file(job["id"], 0), *agent.open_files(job["id"], {"files": [0, 1]})]:
        with content.file:
            expect_equal((content.file.read() == data, content.size, content.contiguous), (True, len(data), len(data)), "content")
    with agent.get_content(job["id"], 0, "10-19") as part:
        expect_equal((part.status, part.read()), (206, data[10:20]), "a range")
    agent.complete_job(job["id"])
    event = agent.last_event
    gone = agent.create_job({"files": [{"url": url}]}, wait_ms=1000, descriptor=True)
    (file,) = agent.take_descriptors()
    with file:
        expect(file.read() == data, "what came with the answer")
    first = next(of for of in agent.stream_events(after=event, files="brief") if of.kind != "position")
    expect_equal((first.kind, first.data["id"]), ("job.created", gone["id"]), "the first event behind the last")
    agent.suspend_job(agent.create_job({"files": [{"url": url}], "verdict": {"app": True}})["id"])
    agent.cancel_job(gone["id"])
    upload(agent, url)
    return url


def upload(agent, url):
    with tempfile.NamedTemporaryFile() as written, open(written.name, "rb") as source:
        written.write(b"report")
        written.flush()
        wanted = {"files": [{"url": url, "name": "report"}], "start": False, "transaction": "t"}
        job = agent.create_upload(wanted, [source])
        expect_equal((job["kind"], job["files"][0]["size"], job["files"][0]["transaction"]), ("upload", 6, "t"), "an upload")
        expect_equal(agent.create_upload(wanted, [source], files=False)["id"], job["id"], "the same again")
        code_of(lambda: agent.create_upload(wanted, []), "invalid_argument")
    code_of(lambda: agent.get_reply(job["id"], 0), "not_found")
    agent.cancel_job(job["id"])


def rest(agent, url):
    record = agent.list_records(limit=1, url="/content")["records"][0]
    expect(agent.pin_record(record["id"], {"pinned": True})["pinned"], "pinned")
    agent.pin_record(record["id"], {"pinned": False})
    expect(agent.get_record(record["id"])["segments"], "segments")
    for call in (lambda: agent.remove_record("0" * 32), lambda: agent.get_record("0" * 32)):
        code_of(call, "not_found")
    expect_equal(agent.remove_records(url + "?none")["removed"], 0, "removed")
    expect(any(key["name"] == "max_size" for key in agent.get_config()["keys"]), "keys")
    agent.reload_config()
    expect_equal(agent.get_peers()["in_group"], False, "in a group")
    code_of(lambda: agent.pardon_agent({"agent": "abcd"}), "not_found", "invalid_state")
    expect_equal(agent.create_group({"name": "office"})["role"], "authority", "role")
    expect(agent.invite({"uses": 2})["invitation"].startswith("larder-invitation:"), "invitation")
    code_of(lambda: agent.join_group({"invitation": "larder-invitation:x"}), "already_exists", "invalid_argument")
    code_of(lambda: agent.revoke_agent({"agent": "nobody-here"}), "not_found")
    expect_equal(agent.get_group()["name"], "office", "group")
    expect_equal(agent.leave_group({"give_up_authority": True})["role"], "none", "role")


def code_of(call, *codes):
    try:
        call()
    except larder.AgentError as error:
        expect(error.code in codes, f"{error.code}: {error}")
    else:
        raise AssertionError(f"no error, wanted {codes}")


def judged(lab, agent, folder):
    environment = {"PYTHONPATH": str(ROOT / "packaging/python"), "PYTHONDONTWRITEBYTECODE": "1"}
    tell_updater_story(lab, [sys.executable, EXAMPLE], {**environment, "LARDER_SOCKET": agent.path}, folder)
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    expect(len(lines) < 60, f"the example has {len(lines)} lines")


def unreachable(lab, folder):
    with larder.Client(str(folder / "nowhere.sock")) as nobody:
        code_of(nobody.get_status, "agent_unreachable")
    agent = lab.agent("restarted")
    with larder.Client(str(agent.api.socket_path)) as client:
        before = client.get_status()["pid"]
        agent.restart()
        expect(client.get_status()["pid"] != before, "a kept connection that was closed is opened anew")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin_dir", type=pathlib.Path)
    operations = against_the_document()
    with Lab(parser.parse_args().bin_dir) as lab:
        running = lab.agent()
        folder = pathlib.Path(lab.folder("updates"))
        with larder.Client(str(running.api.socket_path)) as client:
            agent = Called(client)
            url = jobs(lab, agent, seeded_bytes(7, 3_000_000))
            rest(agent, url)
            judged(lab, client, folder)
            # The updater calls it; here it is enough that the method is that of the document.
            missing = {snake(name) for name in operation_ids()} - agent.names - {"give_verdict"}
            expect_equal(missing, set(), "operations that were not called")
        unreachable(lab, folder)
    print(f"{operations} operations: well")
    return 0


def operation_ids():
    for operations in ApiDocument.of_this_tree().tree["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                yield operation["operationId"]


if __name__ == "__main__":
    sys.exit(main())
