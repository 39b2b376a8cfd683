"""A short run of scripts/chaos."""

import subprocess

from outside.instance import ROOT

SEED = 20


def test_one_minute_of_chaos():
    """Random faults for a minute: every invariant holds at the end."""
    result = subprocess.run([ROOT / "scripts/chaos", "--minutes", "1", "--seed", str(SEED)], cwd=ROOT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, check=False)
    text = result.stdout.decode(errors="replace")
    assert result.returncode == 0, text[-4000:]
    return text.strip().splitlines()[-1]
