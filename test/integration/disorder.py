"""A short run of scripts/chaos."""

import subprocess

from outside.instance import ROOT

SEED = 20


def test_three_minutes_of_chaos():
    """Faults of all kinds for three minutes: every invariant holds at the end."""
    result = subprocess.run([ROOT / "scripts/chaos", "--minutes", "3", "--seed", str(SEED), "--wipe"], cwd=ROOT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, check=False)
    text = result.stdout.decode(errors="replace")
    assert result.returncode == 0, text[-4000:]
    return text.strip().splitlines()[-1]
