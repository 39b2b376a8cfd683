"""Failpoints of a test build (actors/runtime/shell/failpoint.h), armed from outside: a process ends, or stops, at a named moment."""

import os
import re
import time
from collections import namedtuple

from .instance import ROOT
from .waiting import until

PROGRAMS = ROOT / "build/dev/bin"
KINDS = ("edge", "limiter", "seckill", "broker", "ordering", "inventory", "account", "provider")

Hit = namedtuple("Hit", "point process pid at_us action")


class Failpoints:
    def __init__(self, instance):
        self.folder = instance.folder / "run"
        self.armed = self.folder / "failpoint"
        self.skip = self._size()

    def _size(self):
        try:
            return os.path.getsize(self.folder / "failpoint.log")
        except OSError:
            return 0

    def arm(self, point, passes=0, action="kill"):
        """The next process that gets to the point (after `passes` times that it passes) ends or stops there. One, and once."""
        self.skip = self._size()
        fresh = self.folder / "failpoint.new"
        fresh.write_text(f"{point} {passes} {action}\n", encoding="ascii")
        os.replace(fresh, self.armed)

    def disarm(self):
        """True if nobody had got there."""
        try:
            self.armed.unlink()
            return True
        except FileNotFoundError:
            return False

    def hit(self):
        """Who got to the point since it was armed, or None."""
        try:
            with open(self.folder / "failpoint.log", encoding="ascii") as file:
                file.seek(self.skip)
                line = file.readline()
        except FileNotFoundError:
            return None
        if not line.endswith("\n"):
            return None
        point, process, pid, at_us, action = line.split()
        return Hit(point, process, int(pid), int(at_us), action)

    def await_hit(self, deadline_s):
        return until("the armed point is reached", deadline_s, self.hit, 0.005)

    def wait_hit(self, deadline_s):
        """As await_hit, but None if nobody got there in time; then nothing is armed any more."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            hit = self.hit()
            if hit:
                return hit
            time.sleep(0.005)
        if self.disarm():
            return None
        return until("the log names who took the point", 5, self.hit)

    def seen(self):
        """Points that some process has passed."""
        try:
            return set((self.folder / "failpoint.seen").read_text(encoding="ascii").split())
        except FileNotFoundError:
            return set()


def _rows(name, macro):
    text = (ROOT / "schema" / name).read_text(encoding="utf-8")
    return re.findall(rf'^{macro} \(([^"]*)"(.*)"\)$', text, re.MULTILINE)


def _kinds(text):
    return [kind for kind in KINDS if re.search(rf"\b{kind}\b", text)] + (list(KINDS) if re.search(r"\bany\b", text) else [])


def _message_points(name, ways):
    for way in ways.split(";"):
        stations = way.split("→")
        for at, station in enumerate(stations):
            for kind in _kinds(station):
                if at < len(stations) - 1:
                    yield f"{kind}.send.{name}"
                if at > 0:
                    yield f"{kind}.receive.{name}"
                    yield f"{kind}.step.{name}"


def table_points():
    """What there is by the tables of schema/: who calls stands at the beginning of a call's prose, who sends in `from_to`."""
    points = set()
    for words, prose in _rows("calls.def", "CALL"):
        call = words.split(",")[2].strip()
        for kind in _kinds(prose.partition(":")[0]):
            points |= {f"{kind}.{moment}.{call}" for moment in ("call", "sent", "result")}
    for words, rest in _rows("messages.def", "MESSAGE"):
        points.update(_message_points(words.split(",")[1].strip().lower(), rest.partition('"')[0]))
    return points
