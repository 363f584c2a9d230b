"""The example updaters (packaging/python/examples, packaging/client/example) as a user starts them, against the real agent."""

import os
import subprocess

from larder_lab import Edition, EditionResource, expect, expect_equal


def tell_updater_story(lab, updater, environment, folder):
    """`updater`: the words that start it; signed, not signed, and once more after it was signed."""
    key, public = folder / "key.pem", folder / "public.pem"
    subprocess.run(["/usr/bin/openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    subprocess.run(["/usr/bin/openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)

    def publish(name, data, signed_data):
        (folder / "text").write_bytes(signed_data)
        subprocess.run(["/usr/bin/openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", folder / "text", "-out", folder / "sig"],
                       check=True)
        lab.origin.serve(name + ".sig", EditionResource([Edition((folder / "sig").read_bytes(), etag=f'"{name}s{len(data)}"')]))
        return lab.origin.serve(name, EditionResource([Edition(data, etag=f'"{name}{len(data)}"')]))

    def update(*urls):
        (folder / "installed").mkdir(exist_ok=True)
        return subprocess.run([*updater, public, folder / "installed", *urls], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **environment}, check=False)

    good = publish("/one", b"1" * 100_000, b"1" * 100_000), publish("/two", b"2" * 50, b"2" * 50)
    done = update(*good)
    expect_equal((done.returncode, done.stderr), (0, ""), "signed")
    expect_equal(sorted(of.name for of in (folder / "installed").iterdir()), ["one", "two"], "installed")
    bad = publish("/three", b"3" * 100, b"something else")
    done = update(good[0], bad)
    expect_equal(done.returncode, 1, "not signed")
    expect("not signed by the key" in done.stderr, done.stderr)
    expect_equal(sorted(of.name for of in (folder / "installed").iterdir()), ["one", "two"], "installed")
    done = update(publish("/three", b"3" * 101, b"3" * 101))
    expect_equal((done.returncode, done.stderr), (0, ""), "signed afterwards")
