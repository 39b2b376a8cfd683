"""Edges whose wall clocks are wrong, as on machines that were set wrongly."""

import subprocess

from .instance import BIN
from .programs import install
from .waiting import until

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class WrongEdge:
    """One edge more, started by hand: only its wall clock is wrong. `offset` as faketime takes it: -1h."""

    def __init__(self, instance, number, offset):
        assert install("libfaketime", FAKETIME), "there is no libfaketime, and it cannot be installed"
        self.instance, self.number, self.port = instance, number, None
        environment = {**instance.environment, "LD_PRELOAD": FAKETIME, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with open(instance.folder / f"log/edge-{number}.log", "ab") as log:
            self.process = subprocess.Popen([BIN / "minishop-edge", "--number", str(number)], env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT)

    def until_ready(self, deadline_s=20):
        self.port = until(f"edge/{self.number} is ready", deadline_s, self._ready_port)
        return self.port

    def _ready_port(self):
        return next((int(actor["endpoint"].rsplit(":", 1)[1]) for actor in self.instance.actors("edge")
                     if actor["id"] == f"edge/{self.number}" and actor["state"] == "ready"), None)

    def end(self):
        """Asks it to leave. Returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(20)
