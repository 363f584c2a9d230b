"""Configuration for programs of more than one build: a key that a build does not know would keep its agent from starting, so
it is left out there. `larder config check` of that build is asked, once for each key."""

import functools
import pathlib
import subprocess
import tempfile

# What a laboratory wants of agents whose origin and neighbours are addresses of 127.0.0.0/8: contents that came over
# loopback are given to nobody else by default, since a name may lead there that means another machine elsewhere.
ON_LOOPBACK = (("origin", "share_loopback", "true"),)


@functools.lru_cache(maxsize=None)
def takes(bin_dir, section, key, value):
    """Whether this build's `larder config check` accepts a file of that one key. `value` as it stands in TOML."""
    with tempfile.TemporaryDirectory(prefix="larder-key-") as folder:
        file = pathlib.Path(folder) / "larder.toml"
        file.write_text(f"[{section}]\n{key} = {value}\n")
        done = subprocess.run([pathlib.Path(bin_dir) / "larder", "config", "check", file], capture_output=True, text=True,
                              timeout=30, check=False)
        return done.returncode == 0


def loopback_sections(bin_dir, sections):
    """`sections` with the keys of ON_LOOPBACK that this build takes; what `sections` says itself stays."""
    merged = {name: body if isinstance(body, list) else dict(body) for name, body in sections.items()}
    for section, key, value in ON_LOOPBACK:
        if takes(str(bin_dir), section, key, value):
            merged.setdefault(section, {}).setdefault(key, value == "true")
    return merged
