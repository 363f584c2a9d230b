#!/usr/bin/env python3
"""The application behind an inbox, in three ways; each writes down when it is called and what it does.

    upload_application.py directory FOLDER HOME    takes files from FOLDER/ready and renames them to FOLDER/done
    upload_application.py keeps HOME               run for one file: has the effect once for each id
    upload_application.py forgets HOME             run for one file: has the effect each time

HOME/calls.log has a line for each stage of each call. Where HOME/halt/STAGE exists, the first who comes to this stage
renames the file to halt/STAGE.PID and stops itself (SIGSTOP), so that it can be killed just there.

stages: called (the application knows of the file), effected (the effect is done, and nobody was told), ending
"""

import hashlib
import json
import os
import signal
import sys
import time


def spawned_at():
    """When this process was made, on the monotonic clock: a server may be killed between that and its first line."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
        ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - (ticks - 1) / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age


class Home:
    def __init__(self, path):
        self.path = path
        self.calls = os.open(f"{path}/calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def reach(self, stage, upload, **facts):
        line = {"t": time.monotonic(), "pid": os.getpid(), "stage": stage, "id": upload, **facts}
        os.write(self.calls, json.dumps(line).encode() + b"\n")
        try:
            os.rename(f"{self.path}/halt/{stage}", f"{self.path}/halt/{stage}.{os.getpid()}")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGSTOP)


def sha256_of(file):
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def run_for_one(home, keeps):
    upload = os.environ["LARDER_UPLOAD_ID"]
    facts = {"attempt": int(os.environ["LARDER_ATTEMPT"]), "name": os.environ["LARDER_NAME"]}
    home.reach("called", upload, spawned=spawned_at(), **facts)
    with os.fdopen(int(os.environ["LARDER_CONTENT_FD"]), "rb") as content:
        seen = sha256_of(content)
    effect = {"id": upload, "sha256": seen, "said": os.environ["LARDER_SHA256"], "name": facts["name"]}
    if not keeps:
        out = os.open(f"{home.path}/effects.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(out, json.dumps(effect).encode() + b"\n")
    elif not keep(home, effect):
        home.reach("known", upload, **facts)
        return
    home.reach("effected", upload, **facts)
    home.reach("ending", upload, **facts)


def keep(home, effect):
    """The id and the effect in one step: a name that is made once. False: it was there."""
    aside, place = f"{home.path}/effects/.{os.getpid()}", f"{home.path}/effects/{effect['id']}"
    with open(aside, "w", encoding="utf-8") as out:
        json.dump(effect, out)
    try:
        os.link(aside, place)
        return True
    except FileExistsError:
        return False
    finally:
        os.unlink(aside)


def serve_directory(home, folder):
    while True:
        for name in sorted(os.listdir(f"{folder}/ready")):
            if name.startswith("."):
                continue
            upload = name.split(".")[0]
            home.reach("called", upload, again=os.path.lexists(f"{folder}/done/{name}"))
            os.rename(f"{folder}/ready/{name}", f"{folder}/done/{name}")
            home.reach("effected", upload)
            home.reach("ending", upload)
        time.sleep(0.005)


def main():
    if sys.argv[1] == "directory":
        serve_directory(Home(sys.argv[3]), sys.argv[2])
    run_for_one(Home(sys.argv[2]), sys.argv[1] == "keeps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
