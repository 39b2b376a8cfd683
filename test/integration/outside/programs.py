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
