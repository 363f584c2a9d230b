"""A file of 4 GiB and one byte to larder-inbox, with cuts in between: for make soak, since each case takes a minute or two.

Sizes and offsets do not fit into 32 bits there. The file has holes, so that it takes no time to make; no piece of 1 GiB is like another.
"""

import json
import os

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from lab_put import Putter
from larder_lab import GIB, MIB, Skip, expect, seeded_bytes
from put import place
from tus_js import TusJs
from tuspy import MISSING, Client, upload

PROGRAMS = ("larderd", "larder", "larder-inbox")
SIZE = 4 * GIB + 1
WITHIN = 500


def huge(lab, seed):
    path = lab.folder("sources") / "huge"
    with open(path, "wb") as out:
        out.truncate(SIZE)
        for number in range(5):
            out.seek(min(number * GIB + 7 * number, SIZE - MIB))
            out.write(seeded_bytes((seed, "huge", number), MIB))
    needed, there = 3 * SIZE, os.statvfs(lab.directory)
    if there.f_bavail * there.f_frsize < needed:
        raise Skip(f"there is no room for {needed // GIB} GiB in {lab.directory}")
    return path


def _put(dialect, cuts):
    def case(seed, lab):
        inbox, put = lab_inbox(lab), Putter(lab)
        path = huge(lab, seed)
        with CuttingProxy(inbox.port) as proxy:
            for _ in range(cuts):
                proxy.cut(3 * GIB // 2)
            url, options = place(proxy, dialect, "t", path.name)
            put.run(path, url, *options, timeout=WITHIN)
            proxy.expect_done()
        put.no_jobs()
        inbox.check([Sent("t", path.name, path)])
        return f"{proxy.passed / SIZE:.2f} times its size were sent"

    return case


def tus_js(seed, lab):
    inbox, client = lab_inbox(lab), TusJs(lab)
    path = huge(lab, seed)
    file = {"path": str(path), "options": {"metadata": {"filename": path.name, "larder-key": "t"}}}
    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(3 * GIB // 2)
        proxy.cut(3 * GIB // 2)
        job = {"endpoint": proxy.url(f"/in/{INBOX}/"), "files": [file]}
        process = lab.process([client.node, client_script(), client.packages, json.dumps(job)], text=True, stdout=-1, stderr=-2)
        output = process.communicate(timeout=WITHIN)[0]
        expect(process.returncode == 0, f"tus-js-client: {process.returncode}: {output[-1500:]}")
        proxy.expect_done()
    inbox.check([Sent("t", path.name, path)])
    return f"{proxy.passed / SIZE:.2f} times its size were sent"


def client_script():
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "tus_client.cjs")


def tuspy(seed, lab):
    if MISSING:
        raise Skip(MISSING)
    inbox, path = lab_inbox(lab), huge(lab, seed)
    upload(Client(lab, inbox).uploader(path, "t", chunk_size=256 * MIB))
    inbox.check([Sent("t", path.name, path)])


CASES = {"put_tus": _put("tus", 2), "put_bits": _put("bits", 2), "put_put": _put("put", 1), "tus_js": tus_js, "tuspy": tuspy}


def run(seed, lab, case):
    return CASES[case](seed, lab)
