"""The faults of scripts/chaos: which there are, how each is done, and how it ends. Only processes of the one instance are touched."""

import os
import re
import shutil
import signal
import time

from . import processes
from .clocks import FAKETIME, WrongEdge
from .disks import SlowFsync
from .instance import STORES
from .lifecycle import new_key
from .programs import install
from .waiting import TooLate, now_us, until

BACK_S = 60            # within this a replaced process must be there again
SCALE_S = 120
FREEZE_S = (0.1, 2.5)
LONG_FREEZE_S = (3.2, 5.0)  # longer than a lease: its holder wakes up as one who was
HOLD_S = (0.3, 2.5)    # of a fault that lasts
FSYNC_US = (20000, 100000, 300000, 1000000)
TOGETHER = 0.2         # share of kills and freezes that hit several processes in the same moment
SCALABLE = ("broker", "inventory", "ordering", "seckill", "limiter")
PIPELINE = ("limiter", "seckill")
LASTING = ("freeze", "ex-leader", "slow fsync", "disk full", "maxmemory")
CLOCK_SHOPPERS = 5
# kind: share. What needs root or a tool that is not there is left out, and said.
KINDS = {"kill": 40, "hang": 6, "freeze": 14, "ex-leader": 3, "term": 10, "everything": 1, "slow fsync": 5, "disk full": 3, "maxmemory": 3, "scripts flushed": 4,
         "clock": 1, "scale": 3, "wipe": 4}


class Fault:
    def __init__(self, kind, name, at_us):
        self.kind, self.name, self.at_us = kind, name, at_us
        self.end_us = at_us  # when it was taken away, of those that last


class Faults:
    """`done` has every fault that was really injected; `left_out` the kinds that this machine does not allow, and why."""

    def __init__(self, instance, dice, disks, has_wipes):
        self.instance, self.dice, self.disks = instance, dice, disks
        self.done, self.left_out, self.failed_scales, self.problems = [], {}, 0, []
        self.clock_rows = []  # (shopper's token, key, answer) of edges with wrong clocks
        self.clock_tokens, self.sale_id = [], None
        self.shares = dict(KINDS)
        if not has_wipes:
            del self.shares["wipe"]
        if not disks:
            self._leave_out("disk full", "no file system can be mounted here")
        if not SlowFsync.is_possible():
            self._leave_out("slow fsync", "there is no strace")
        if not install("libfaketime", FAKETIME):
            self._leave_out("clock", "there is no libfaketime")

    def _leave_out(self, kind, why):
        self.shares.pop(kind, None)
        self.left_out[kind] = why

    def inject(self):
        """One fault, or several at once, and their end."""
        kind = self.dice.choices(list(self.shares), self.shares.values())[0]
        begin = len(self.done)
        try:
            getattr(self, "_" + re.sub("[ -]", "_", kind))()
        except TooLate as late:
            self.problems.append(f"{kind}: {late}")
        for fault in self.done[begin:]:
            fault.end_us = max(fault.end_us, now_us() if kind in LASTING else 0)
        return self.done[begin:]

    # ---------------------------------------------------------------- who

    def actors(self):
        return sorted(processes.actors(self.instance.supervisor()))

    def _victims(self, names):
        count = self.dice.randint(2, max(2, len(names) - 1)) if self.dice.random() < TOGETHER else 1
        return self.dice.sample(names, min(count, len(names)))

    def _signal(self, name, number):
        try:
            return self.instance.kill(name, number)
        except (OSError, LookupError, ValueError):
            return None  # it is just being replaced

    def _note(self, kind, name, at_us):
        self.done.append(Fault(kind, name, at_us))
        return self.done[-1]

    def _hold(self):
        time.sleep(self.dice.uniform(*HOLD_S))

    # ---------------------------------------------------------------- processes

    def _end(self, kind, names, number):
        """Signals all of them at once, then waits until each is replaced."""
        hit = {name: self._signal(name, number) for name in names}
        at_us = now_us()  # when the last of them was hit: only then is nobody left who could serve
        faults = {name: self._note(kind, name, at_us) for name, pid in hit.items() if pid}
        for name in faults:
            until(f"{name} is replaced after {kind}", BACK_S, lambda name=name: self.instance.is_replaced(name, hit[name]))

    def _kill(self):
        self._end("kill", self._victims(self.actors() + list(STORES)), signal.SIGKILL)

    def _term(self):
        # A store that is asked to end takes its time and loses nothing: of no interest here.
        self._end("term", self._victims(self.actors()), signal.SIGTERM)

    def _hang(self):
        """One between edge and gate is frozen, and killed while it holds attempts: they are sent again, by another one, while the first
        ones may still be executed."""
        names = self._victims([name for name in self.actors() if name.split("/")[0] in PIPELINE])
        for name in names:
            self._signal(name, signal.SIGSTOP)
        time.sleep(self.dice.uniform(*FREEZE_S))
        self._end("hang", names, signal.SIGKILL)

    def _everything(self):
        self._end("everything", self.actors() + list(STORES), signal.SIGKILL)

    def _freeze(self):
        at_us = now_us()
        pids = {name: self._signal(name, signal.SIGSTOP) for name in self._victims(self.actors() + list(STORES))}
        time.sleep(self.dice.uniform(*FREEZE_S))
        self._wake("freeze", pids, at_us)

    def _wake(self, kind, pids, at_us):
        for name, pid in pids.items():
            if pid:
                self._note(kind, name, at_us)
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass  # the supervisor took it for dead, and it is

    def _ex_leader(self):
        """Holders of leases, frozen until others have them."""
        try:
            leaders = self.instance.metrics()["minishop_leader"].items()
        except (OSError, ValueError, KeyError, IndexError, AttributeError):
            return
        names = [re.search('instance="([^"]*)"', labels).group(1) for labels, value in leaders if value == 1]
        at_us = now_us()
        pids = {name: self._signal(name, signal.SIGSTOP) for name in self.dice.sample(names, min(len(names), self.dice.randint(1, 2)))}
        time.sleep(self.dice.uniform(*LONG_FREEZE_S))
        self._wake("ex-leader", pids, at_us)

    def _scale(self):
        """One or two of a kind, from now on: the other one of a pair is later asked to leave while others die."""
        kind = self.dice.choice(SCALABLE)
        count = 1 if f"{kind}/2" in self.actors() else 2
        self._note("scale", f"{kind}={count}", now_us())
        self.failed_scales += self.instance.minishop("scale", f"{kind}={count}", timeout_s=SCALE_S).returncode != 0

    # ---------------------------------------------------------------- stores

    def _wipe(self):
        pid = self._signal("redis", signal.SIGSTOP)  # so that nobody restarts it before its data is gone
        if pid is None:
            return
        for path in (self.instance.folder / "redis").resolve().iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix not in (".conf", ".acl"):
                path.unlink(missing_ok=True)
        self._note("wipe", "redis", now_us())
        os.kill(pid, signal.SIGKILL)
        until("redis is replaced after wipe", BACK_S, lambda: self.instance.is_replaced("redis", pid))
    
    def _slow_fsync(self):
        store = self.dice.choice(("redis", "postgres"))
        try:
            pids = SlowFsync.pids_of(self.instance, store)
        except (OSError, ValueError):
            return
        self._note("slow fsync", store, now_us())
        slow = SlowFsync(pids, self.dice.choice(FSYNC_US))
        self._hold()
        slow.end()

    def _disk_full(self):
        store = self.dice.choice(list(self.disks))
        self._note("disk full", store, now_us())
        try:
            self.disks[store].fill()
            self._hold()
        finally:
            self.disks[store].free()
        # A store that gave up on it is started again, and again, until there is room.
        until(f"{store} answers after its disk was full", BACK_S, lambda: self._answers(store))

    def _answers(self, store):
        if store == "redis":
            with self.instance.redis() as redis:
                return redis("PING") == b"PONG"
        return self.instance.sql("SELECT 1") == [["1"]]

    def _with_redis(self, *words):
        try:
            with self.instance.redis() as redis:
                redis(*words)
                return True
        except OSError:
            return False  # it is just being replaced, and then as it was

    def _maxmemory(self):
        if self._with_redis("CONFIG", "SET", "maxmemory", "1mb"):
            self._note("maxmemory", "redis", now_us())
            self._hold()
            until("maxmemory is as it was", BACK_S, lambda: self._with_redis("CONFIG", "SET", "maxmemory", "0"))

    def _scripts_flushed(self):
        if self._with_redis("SCRIPT", "FLUSH"):
            self._note("scripts flushed", "redis", now_us())

    # ---------------------------------------------------------------- clocks

    def _clock(self):
        """An edge whose clock is an hour wrong serves some shoppers."""
        offset = self.dice.choice(("-1h", "+1h"))
        at_us = now_us()
        edge = WrongEdge(self.instance, 200 + len(self.done) % 50, offset)
        try:
            port = edge.until_ready(BACK_S)
            self._note("clock", offset, at_us)
            for _ in range(min(CLOCK_SHOPPERS, len(self.clock_tokens))):
                token, key = self.clock_tokens.pop(), new_key("clock")
                try:
                    self.clock_rows.append((token, key, self.instance.buy(self.sale_id, token, key, port=port)))
                except OSError:
                    pass
        finally:
            edge.end()
