"""`larder put` to other people's servers: @tus/server, nginx and Apache, over a line that breaks."""

import json
import os

from cutting_proxy import CuttingProxy
from lab_put import ALREADY_EXISTS, INTERRUPTED, LIMIT, Putter, interrupt
from lab_servers import ApacheDav, Server, dav_nginx, find_program, free_port
from larder_lab import MIB, Skip, expect, expect_equal, file_sha256
from node_packages import Missing, find_node, install
from tus_js import HERE

PROGRAMS = ("larderd", "larder")
BIG = 100 * MIB


class TusServer(Server):
    """@tus/server with its files in a directory."""

    def __init__(self, lab):
        packages = lab.bin_dir.parent / "upload-clients"
        try:
            node = find_node("node")
            install(HERE, packages)
        except Missing as reason:
            raise Skip(str(reason)) from None
        self.home, port = lab.folder("tus"), free_port()
        (self.home / "files").mkdir()
        super().__init__(self.home, [node, HERE / "tus_server.cjs", packages, self.home, "127.0.0.1", port], port, "tus_server")

    def finished(self):
        told = self.home / "finished"
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []

    def check(self, sent):
        """It has these files, [(name, path)…], each whole and told once, and no other."""
        finished = self.finished()
        expect_equal(sorted(told["metadata"].get("filename") for told in finished), sorted(name for name, _ in sent), "what is whole")
        for told in finished:
            source = dict(sent)[told["metadata"]["filename"]]
            expect_equal(file_sha256(self.home / "files" / told["id"]), file_sha256(source), f"the bytes of {source}")
        expect_equal(len(os.listdir(self.home / "files")), 2 * len(finished), "files of the server, with their facts")


def tus_sizes(lab):
    server, put, sent = lab.server(TusServer(lab)), Putter(lab), []
    for size in (0, 1, 9 * MIB + 1):
        path, _ = put.file(f"f{size}", size)
        report = put.report(path, f"http://127.0.0.1:{server.port}/files/")
        expect_equal(report["files"][0]["protocol"], "tus", "what was spoken")
        sent.append((path.name, path))
    put.no_jobs()
    server.check(sent)


def tus_big(lab):
    """100 MiB with cuts in between: what came before them is not sent again."""
    server, put = lab.server(TusServer(lab)), Putter(lab)
    path, _ = put.file("big", BIG)
    with CuttingProxy(server.port) as proxy:
        for number in range(6):
            proxy.cut(13 * MIB, reset=number % 2 == 1)
        put.run(path, proxy.url("/files/"))
        proxy.expect_done()
        # The server writes what came of a request that broke; with a reset it may have less of it.
        expect(proxy.passed < BIG + 6 * 13 * MIB, f"{proxy.passed} bytes were sent for {BIG}")
    put.no_jobs()
    server.check([(path.name, path)])


def tus_lost_answers(lab):
    """A part's answer is lost, and the last one: asked for, not sent again, and told of once."""
    server, put = lab.server(TusServer(lab)), Putter(lab)
    path, _ = put.file("f", 5 * MIB)
    with CuttingProxy(server.port) as proxy:
        proxy.lose_answer(b"PATCH /files/")
        proxy.lose_answer(b"HEAD /files/")
        put.run(path, proxy.url("/files/"))
        proxy.expect_done()
        expect(proxy.passed < 6 * MIB, f"{proxy.passed} bytes were sent")
    server.check([(path.name, path)])


def tus_interrupted(lab):
    server, put = lab.server(TusServer(lab)), Putter(lab)
    path, _ = put.file("f", 60 * MIB)
    with CuttingProxy(server.port) as proxy:
        words, running = (path, proxy.url("/files/"), "--rate", "40 MiB/s"), {}
        proxy.look(20 * MIB, then=lambda: interrupt(running["process"]))
        running["process"] = put.start(*words)
        put.end(running["process"], INTERRUPTED)
        put.run(*words)
    server.check([(path.name, path)])


class Dav:
    """A server that takes PUT, and its root."""

    def __init__(self, lab, kind):
        if not find_program({"nginx": "nginx", "apache": "apache2"}[kind]):
            raise Skip(f"there is no {kind}")
        home = lab.folder(kind)
        self.root = home / "root"
        self.root.mkdir()
        self.server = lab.server({"nginx": dav_nginx, "apache": ApacheDav}[kind](home, self.root))

    def check(self, sent):
        """{name: path} is what it has, and nothing else."""
        there = {str(path.relative_to(self.root)): file_sha256(path) for path in self.root.rglob("*") if path.is_file()}
        expect_equal(there, {name: file_sha256(path) for name, path in sent.items()}, "what the server has")


def dav_sizes(lab, kind):
    """Small files need no --protocol: nothing else is spoken there."""
    dav, put, sent = Dav(lab, kind), Putter(lab), {}
    for size in (0, 1, 3 * MIB):
        path, _ = put.file(f"f {size}", size)
        report = put.report(path, dav.server.url(f"/f%20{size}"))
        expect_equal(report["files"][0]["protocol"], "put", "what was spoken")
        put.run(path, dav.server.url("/"), "--protocol", "put", "--name", f"named {size}")
        sent |= {path.name: path, f"named {size}": path}
    put.no_jobs()
    dav.check(sent)


def dav_several(lab, kind):
    """Each file has its name added to the URL that ends in a slash."""
    dav, put = Dav(lab, kind), Putter(lab)
    files = [put.file(name, size)[0] for name, size in (("a.bin", 1), ("b c%.bin", 3 * MIB), ("\u00e4#?.bin", 0))]
    put.run(*files, dav.server.url("/"), "--protocol", "put")
    put.no_jobs()
    dav.check({path.name: path for path in files})


def dav_big(lab, kind):
    """A large file begins again at each cut, so it is put only where it was asked for."""
    dav, put = Dav(lab, kind), Putter(lab)
    path, _ = put.file("big", BIG)
    said = put.run(path, dav.server.url("/big"), status=LIMIT)
    expect("--protocol put" in said or "resume" in said, f"the reason is not told: {said}")
    dav.check({})
    with CuttingProxy(dav.server.port) as proxy:
        proxy.cut(13 * MIB)
        proxy.cut(70 * MIB, reset=True)
        put.run(path, proxy.url("/big"), "--protocol", "put")
        proxy.expect_done()
    put.no_jobs()
    dav.check({"big": path})


def dav_exists(lab, kind):
    """What is there is replaced with --overwrite only. nginx does not heed If-None-Match, and replaces it."""
    dav, put = Dav(lab, kind), Putter(lab)
    first, _ = put.file("first", MIB)
    second, _ = put.file("second", 2 * MIB)
    put.run(first, dav.server.url("/f"), "--protocol", "put")
    if kind != "nginx":
        put.run(second, dav.server.url("/f"), "--protocol", "put", status=ALREADY_EXISTS)
        dav.check({"f": first})
    put.run(second, dav.server.url("/f"), "--protocol", "put", "--overwrite")
    put.no_jobs()
    dav.check({"f": second})


def dav_lost_answer(lab, kind):
    """The file is there and its answer is lost: what is there is compared, or it is sent again; the end is the same."""
    dav, put = Dav(lab, kind), Putter(lab)
    path, _ = put.file("f", 3 * MIB)
    with CuttingProxy(dav.server.port) as proxy:
        proxy.lose_answer(b"PUT /f")
        done = put.start(path, proxy.url("/f"), "--protocol", "put")
        said = done.communicate(timeout=60)[1]
        proxy.expect_done()
    # Without a digest from the server nobody can tell its file from another one of that size.
    expect(done.returncode in (0, 61), f"exit status {done.returncode}: {said}")
    if done.returncode == 61:
        expect("larder job" in said, f"it does not say what to do: {said}")
    dav.check({"f": path})


CASES = {f.__name__: f for f in (tus_sizes, tus_big, tus_lost_answers, tus_interrupted)}
for _case in (dav_sizes, dav_several, dav_big, dav_exists, dav_lost_answer):
    CASES |= {f"{_case.__name__}_{kind}": lambda lab, case=_case, kind=kind: case(lab, kind) for kind in ("nginx", "apache")}


def run(_seed, lab, case):
    CASES[case](lab)
