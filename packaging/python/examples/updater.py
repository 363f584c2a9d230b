#!/usr/bin/env python3
"""Installs signed files: updater.py PUBLIC_KEY.pem DIRECTORY URL...

Beside each URL its Ed25519 signature is fetched, URL.sig. What the key did not sign is judged not valid: the agent hands it to nobody
else, and this program gives up. It may be run again at any time: the job goes on where it was.
"""

import os
import shutil
import subprocess
import sys
import urllib.parse

import larder


def path_of(job, first, directory):
    return os.path.join(directory, os.path.basename(urllib.parse.urlsplit(job["files"][first]["url"]).path))


def signed(agent, job, first, key, directory):
    """Copies a content and its signature; what is looked at is what will be installed."""
    names = [path_of(job, first, directory) + end for end in (".new", ".sig")]
    for name, content in zip(names, agent.open_files(job["id"], {"files": [first, first + 1]})):
        with content.file, open(name, "wb") as copy:
            shutil.copyfileobj(content.file, copy)
    done = subprocess.run(["/usr/bin/openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", names[0], "-sigfile", names[1]],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.remove(names[1])
    if done.returncode != 0:
        os.remove(names[0])
    return done.returncode == 0


def main(key, directory, *urls):
    checked = set()
    with larder.Client() as agent:
        wanted = {"name": f"update of {directory}", "verdict": {"app": True}, "files": [{"url": u + e} for u in urls for e in ("", ".sig")]}
        for job in agent.follow(agent.create_job(wanted, once=True)["id"]):
            for first in range(0, len(job["files"]), 2):
                if all(of["state"] == "validating" for of in job["files"][first:first + 2]):
                    valid = signed(agent, job, first, key, directory)
                    checked |= {first} if valid else set()
                    for index in (first, first + 1):
                        agent.give_verdict(job["id"], index, {"valid": valid, "reason": "" if valid else "not signed by the key"})
        if job["state"] != "transferred":
            agent.cancel_job(job["id"])
            for first in checked:  # all of the update or nothing
                os.remove(path_of(job, first, directory) + ".new")
            sys.exit(f"updater: {(job['error'] or {}).get('message', job['state'])}")
        for first in range(0, len(job["files"]), 2):
            if first in checked or signed(agent, job, first, key, directory):  # judged by a run before this one
                os.replace(path_of(job, first, directory) + ".new", path_of(job, first, directory))
                print(f"installed {path_of(job, first, directory)}")
        agent.complete_job(job["id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
