"""The programs: the product, and the tools that only tests and benches use."""

import functools
import os
import subprocess

from .instance import ROOT

TOOLS = ("minishop-load", "minishop-hello", "minishop-hostile")


@functools.cache
def build():
    """Installs and builds what is missing; MINISHOP_BIN names a folder where all is there already."""
    if "MINISHOP_BIN" not in os.environ:
        subprocess.run([ROOT / "scripts/build", "release", *TOOLS], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)


def install(package, path):
    """True if the file is there, if need be from this Debian package: what only a test needs is not among the product's packages."""
    if not os.path.exists(path) and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return os.path.exists(path)
