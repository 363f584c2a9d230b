#!/usr/bin/env python3
"""The units of packaging/ as the systemd of this machine reads them: service_test.py

systemd-analyze must understand every line of them without a word, and find them as closed as they are meant to be. The programs that
they start need not be installed here, so copies are verified in which they are one that is. What says how the agent is started, told to
reload and watched is held to what the agent does. Exit status 77, with the reason, where there is no systemd-analyze.
"""

import configparser
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PACKAGING = pathlib.Path(__file__).resolve().parents[3] / "packaging"
UNITS = ("larderd.service", "larderd.socket", "larder-join.service", "larder-inbox.service")
ANALYZE = "/usr/bin/systemd-analyze"
# systemd-analyze security: 0 is closed, 10 is open. The agent's is a promise of the README.
EXPOSURE = {"larderd.service": 1.5, "larder-join.service": 2.5, "larder-inbox.service": 1.9}

# What the oldest systemd that is served (252, of Debian 12) must find; newer words would pass a newer systemd here.
WANTED = {
    ("larderd.service", "Service"): {"Type": "notify", "NotifyAccess": "main", "ExecStart": "/usr/bin/larderd", "WatchdogSec": "60s",
                                     "ExecReload": "/usr/bin/larder config reload", "ReadWritePaths": "/run/larder",
                                     "StateDirectory": "larder", "User": "larder"},
    ("larderd.service", "Unit"): {"Requires": "larderd.socket"},
    ("larderd.socket", "Socket"): {"ListenStream": "/run/larder/api.sock", "SocketUser": "larder", "SocketMode": "0666"},
    # It ends by itself after 30 s (inbox/main.cpp), and is not killed while it does.
    ("larder-inbox.service", "Service"): {"Type": "notify", "NotifyAccess": "main", "ExecStart": "/usr/bin/larder-inbox", "WatchdogSec": "60s",
                                          "ExecReload": "/bin/kill -HUP $MAINPID", "User": "larder-inbox", "StateDirectory": "larder-inbox",
                                          "StateDirectoryMode": "0700", "RuntimeDirectory": "larder-inbox", "TimeoutStopSec": "40s",
                                          "ProtectSystem": "strict", "CapabilityBoundingSet": ""},
    ("larder-join.service", "Unit"): {"ConditionPathExists": "/etc/larder/join"},
    ("larder-join.service", "Service"): {"Type": "oneshot", "ExecStart": "/usr/libexec/larder/join"},
}


def settings(name):
    reader = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    reader.optionxform = str
    reader.read_string((PACKAGING / name).read_text(encoding="utf-8"))
    return reader


def written():
    """What can be said without systemd."""
    for (name, section), wanted in WANTED.items():
        reader = settings(name)
        for key, value in wanted.items():
            if reader[section].get(key) != value:
                yield f"{name}: {key}={reader[section].get(key)}, wanted {value}"
    # The socket lies in it, and systemd would remove it with each end of the agent.
    if "RuntimeDirectory" in settings("larderd.service")["Service"]:
        yield "larderd.service: RuntimeDirectory= takes the socket of larderd.socket away"


def verified(texts):
    """systemd's own words about units, empty where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (pathlib.Path(folder) / name).write_text(re.sub(r"/usr/(bin|libexec)/lard\S+", "/bin/true", text), encoding="utf-8")
        paths = [pathlib.Path(folder) / name for name in texts]
        done = subprocess.run([ANALYZE, "verify", "--man=no", *paths], capture_output=True, text=True, timeout=60, check=False)
        words = (done.stdout + done.stderr).strip()
        return words or (f"exit status {done.returncode}" if done.returncode else "")


def exposure(name):
    done = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", PACKAGING / name], capture_output=True, text=True,
                          timeout=60, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    return float(found[1]) if found else 10.0


def main():
    problems = list(written())
    if os.access(ANALYZE, os.X_OK):
        texts = {name: (PACKAGING / name).read_text(encoding="utf-8") for name in UNITS}
        if words := verified(texts):
            problems.append(f"systemd-analyze verify: {words}")
        # That it would say something: a word that no systemd knows.
        for name, odd in (("larderd.service", ("Type=notify\n", "Type=notify-soon\n")), ("larderd.socket", ("SocketMode=0666", "SocketMode=x")),
                          ("larder-join.service", ("Type=oneshot", "Type=sometimes")),
                          ("larder-inbox.service", ("ProtectSystem=strict", "ProtectSystem=some"))):
            if not verified({**texts, name: texts[name].replace(*odd)}):
                problems.append(f"systemd-analyze says nothing of {odd[1].strip()}: this test proves nothing")
        for name, limit in EXPOSURE.items():
            level = exposure(name)
            print(f"{name}: exposure {level}")
            if level > limit:
                problems.append(f"{name}: systemd-analyze security says {level}, wanted at most {limit}")
    for problem in problems:
        print(problem)
    if problems:
        return 1
    if not os.access(ANALYZE, os.X_OK):
        print(f"skip: there is no {ANALYZE}; only what is written was looked at")
        return 77
    print("as systemd reads it: well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
