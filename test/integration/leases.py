"""Paused ex-leaders: a holder of a lease stands still at the very moment of a write, another one takes over and goes on, and then the
first one wakes up and makes its write, not knowing that time has passed. Processes of the test build stop themselves there
(failpoints). `MINISHOP_EX_LEADERS=200` makes it 200 pauses instead of 5."""

import collections
import hashlib
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import time

from outside import auditor, crowd
from outside.facts import Confirmed
from outside.failpoints import PROGRAMS, Failpoints, table_points
from outside.instance import ROOT
from outside.orders import take_back
from outside.waiting import TooLate, until

PAUSES = int(os.environ.get("MINISHOP_EX_LEADERS", "5"))
LEASE_MS = 400
PATIENCE_S = 20
LOOK_S = 0.002


class Watch(threading.Thread):
    """Looks at the gate of a sale all the time: token and epoch never go down."""

    def __init__(self, instance, sale_id):
        super().__init__(daemon=True)
        self.instance, self.sale_id = instance, sale_id
        self.stopping = threading.Event()
        self.looks, self.fallen = 0, []

    def run(self):
        try:
            with self.instance.redis() as redis:
                self._look(redis)
        except OSError as error:
            self.fallen.append(f"the watch ended: {error}")

    def _look(self, redis):
        before = (0, 0)
        while not self.stopping.wait(LOOK_S):
            token, epoch = (int(value or 0) for value in redis("HMGET", "{s%s}:g" % self.sale_id, "tok", "ep"))
            if token < before[0] or epoch < before[1]:
                self.fallen.append(f"(token, epoch) went from {before} to {(token, epoch)}")
            before = (token, epoch)
            self.looks += 1

    def end(self):
        self.stopping.set()
        self.join(PATIENCE_S)


class Overheard(threading.Thread):
    """All calls of the scripts that compare a token, in the order in which Redis ran them (MONITOR). `late` counts those that came with
    a lower token than one before: writes of ex-leaders that did reach the gate."""

    TOKEN_AT = {"gate_close": 5, "gate_load": 4, "gate_open": 4, "gate_update": 4}  # among run id, count, fields of the first entry

    def __init__(self, instance, sale_id):
        super().__init__(daemon=True)
        self.key = "{s%s}:g" % sale_id
        self.redis = instance.redis()
        self.redis("MONITOR")
        self.redis.socket.settimeout(None)
        self.scripts = {hashlib.sha1((ROOT / f"schema/lua/{name}.lua").read_bytes()).hexdigest(): name for name in self.TOKEN_AT}
        self.late, self.highest = collections.Counter(), 0

    def run(self):
        try:
            for line in self.redis.file:
                self._take(re.findall(r'"((?:[^"\\]|\\.)*)"', line.decode(errors="replace")))
        except (OSError, ValueError):
            pass  # the end: the connection is closed

    def _take(self, words):
        if len(words) < 8 or words[0].upper() != "EVALSHA" or words[3] != self.key or words[1] not in self.scripts:
            return
        name = self.scripts[words[1]]
        token = int(words[4 + self.TOKEN_AT[name]])
        if token < self.highest:
            self.late[name] += 1
        self.highest = max(self.highest, token)

    def end(self):
        self.redis.socket.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE_S)


class Stage:
    """Two of each process that a lease chooses between, and one sale with some orders."""

    def __init__(self, make_instance):
        if "MINISHOP_BIN" not in os.environ:
            subprocess.run([ROOT / "scripts/build", "dev"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
        scale = "edge=2 limiter=1 seckill=1 broker=2 ordering=2 inventory=2 account=1"
        self.instance = make_instance(environment={"MINISHOP_SCALE": scale, "MINISHOP_LEASE_MS": str(LEASE_MS)}, programs=PROGRAMS)
        self.instance.start()
        self.points = Failpoints(self.instance)
        tokens = self.instance.tokens(8 * PAUSES + 40)
        with open(tokens, encoding="ascii") as file:
            self.shoppers = iter(list(zip(crowd.user_ids(tokens), file.read().split())))
        self.sale_id = self.instance.sale(8 * PAUSES + 40)
        self.confirmed = []
        self.kinds = itertools.count()
        for _ in range(3):
            self.buy()
        self.watch = Watch(self.instance, self.sale_id)
        self.watch.start()
        self.overheard = Overheard(self.instance, self.sale_id)
        self.overheard.start()

    # ---------------------------------------------------------------- what there is

    def buy(self):
        """Again with the same key, until it is there. Returns (order_id, token)."""
        user_id, token = next(self.shoppers)

        def is_bought():
            answer = self.instance.buy(self.sale_id, token, "k")
            return answer.status == 201 and answer.body
        body = until("somebody buys", PATIENCE_S, is_bought, 0.05)
        self.confirmed.append(Confirmed(user_id, "k", body["order_id"], body["quantity"], body["sequence"]))
        return body["order_id"], token

    def lease(self, name):
        """(token, holder)"""
        rows = self.instance.sql(f"SELECT token, holder FROM lease WHERE name = '{name}' AND expires_us > clock_us ()")
        return (int(rows[0][0]), rows[0][1]) if rows else (0, None)

    def gate(self):
        """(token, epoch, closed)"""
        with self.instance.redis() as redis:
            return tuple(int(value or 0) for value in redis("HMGET", "{s%s}:g" % self.sale_id, "tok", "ep", "rec"))

    def in_postgres(self):
        """(token, epoch) of the sale"""
        return tuple(map(int, self.instance.sql(f"SELECT token, epoch FROM sale WHERE sale_id = {self.sale_id}")[0]))

    def await_ready(self):
        def is_whole():
            kinds = [actor["kind"] for actor in self.instance.actors() if actor["state"] == "ready"]
            return all(kinds.count(kind) == 2 for kind in ("broker", "ordering", "inventory"))
        until("all are ready", 40, is_whole, 0.05)

    # ---------------------------------------------------------------- what leads to a write

    def lose_gate(self):
        """Every other time a key of the gate is gone, as after a lost disk; else the gate is of another run of Redis."""
        with self.instance.redis() as redis:
            if next(self.kinds) % 2:
                redis("HSET", "{s%s}:g" % self.sale_id, "run", "of another life")
            else:
                redis("DEL", "{s%s}:%d:a" % (self.sale_id, self.gate()[1]))

    def provoke(self, point):
        """In the background: whoever asks a process that stands still has to wait."""
        def provoke():
            try:
                if "release" in point:
                    order_id, token = self.buy()
                    until("the order can be cancelled", PATIENCE_S, lambda: take_back(self.instance, self.sale_id, order_id, token), 0.05)
                elif "gate_update" in point:
                    self.instance.move(self.sale_id, "pause")
                    until("the sale goes on", PATIENCE_S, lambda: self.instance.move(self.sale_id, "resume").status == 200, 0.1)
                elif "stock" in point:
                    self.instance.as_operator("POST", f"/admin/sales/{self.sale_id}/stock", {"delta": 1, "reason": "lease"})
                elif "expire" in point:
                    other = self.instance.sale(1, pay_within_s=1)
                    self.instance.buy(other, next(self.shoppers)[1], "late")
                elif point.startswith("inventory"):
                    self.lose_gate()
                else:
                    self.buy()
            except (AssertionError, OSError, KeyError, TypeError):
                pass  # what becomes of it is not the question here
        thread = threading.Thread(target=provoke, daemon=True)
        thread.start()
        return thread

    # ---------------------------------------------------------------- one pause

    def recover(self):
        """The present leader closes the gate and opens a new epoch of its own."""
        before = self.gate()

        def is_new():
            token, epoch, closed = self.gate()
            return epoch > before[1] and not closed
        for _ in range(3):
            with self.instance.redis() as redis:
                redis("HSET", "{s%s}:g" % self.sale_id, "run", "of another life")
            try:
                return until("the gate is open in a new epoch", 6, is_new)
            except TooLate:
                continue
        raise TooLate(f"the gate stays {self.gate()}")

    def resume(self, hit):
        """It goes on, and finds out that it is nobody's leader any more, or was told so by another incarnation's token."""
        log = self.instance.folder / f"log/{hit.process.replace('/', '-')}.log"
        size = os.path.getsize(log)
        os.kill(hit.pid, signal.SIGCONT)
        if hit.process.startswith("inventory"):
            def knows():
                with open(log, "rb") as file:
                    file.seek(size)
                    return b'"event":"lease"' in file.read()
            until(f"{hit.process} notices", PATIENCE_S, knows)

    def pause(self, point, lease=None):
        """Returns what went wrong, in words. Without a lease it is no leader that stands still, only one of several."""
        self.await_ready()
        if lease:
            token, _ = until(f"somebody holds {lease}", PATIENCE_S, lambda: self.lease(lease)[1] and self.lease(lease))
        self.points.arm(point, action="stop")
        provoked = self.provoke(point)
        try:
            hit = self.points.await_hit(PATIENCE_S)
        finally:
            self.points.disarm()
        try:
            if lease:
                until(f"another one holds {lease}", PATIENCE_S, lambda: self.lease(lease)[0] > token)
            self.recover()
            gate, books = self.gate(), self.in_postgres()
        finally:
            self.resume(hit)
        provoked.join(2 * PATIENCE_S)
        self.buy()
        after, after_books = self.gate(), self.in_postgres()
        if after[:2] < gate[:2] or after_books < books:
            return f"{point} of {hit.process}: gate {gate} → {after}, PostgreSQL {books} → {after_books}"
        return None

    def race(self, point):
        """The successor is in the middle of its own recovery when the first one wakes up and makes its write."""
        self.await_ready()
        token, epoch = self.in_postgres()
        self.points.arm(point, action="stop")
        self.lose_gate()
        first = self.points.await_hit(PATIENCE_S)
        self.points.arm("inventory.call.gate_open", action="stop")
        second = None
        try:
            second = self.points.await_hit(PATIENCE_S)
            gate = self.gate()
        finally:
            self.points.disarm()
            self.resume(first)
            after = self.gate()
            if second:
                os.kill(second.pid, signal.SIGCONT)
        if after[1] != gate[1] and after[0] <= gate[0]:
            return f"{point} of {first.process} while {second.process} recovers: gate {gate} → {after}"
        until("the gate is open", PATIENCE_S, lambda: self.gate()[2] == 0 and self.gate()[1] > epoch)
        self.buy()
        return None

    def check(self, wrong):
        """Nothing fell, nothing is lost."""
        self.watch.end()
        self.overheard.end()
        self.await_ready()
        wrong = [line for line in [*wrong, *self.watch.fallen] if line]
        assert not wrong, "\n    ".join(wrong)
        books = self.instance.audit_at_rest(self.sale_id, 40)
        assert books["balanced"] and books["in_flight"] == 0, books
        facts = auditor.read(self.instance, self.sale_id, self.confirmed)
        facts.lost_with_disk = 0  # the most that may have been in a gate whose key is gone; here the journal was whole, so nothing was
        found = auditor.violations(facts)
        assert not found, "\n    ".join(found)


def points_of(kind, pattern):
    """Points before the calls of a kind that match, as far as the tables have them."""
    return sorted(point for point in table_points() if re.fullmatch(rf"{kind}\.call\.({pattern})", point))


def repeat(count, stage, steps):
    begin, wrong = time.monotonic(), []
    for number, step in zip(range(count), itertools.cycle(steps)):
        wrong.append(step())
        if wrong[-1]:
            break
    stage.check(wrong)
    late = ", ".join(f"{name} {times}" for name, times in sorted(stage.overheard.late.items()))
    return (f"0 of {count} paused accepted, {stage.watch.looks} looks at the gate, {time.monotonic() - begin:.0f} s; "
            f"came late to the gate: {late or 'none'}")


def test_inventory_ex_leaders(make_instance):
    """A leader that stood still in a recovery, a release or a change, until another had opened a new epoch, changes nothing any more."""
    stage = Stage(make_instance)
    points = points_of("inventory", "gate_close|gate_open|epoch_bump|gate_load|gate_release|gate_update|release_done|(gate_)?stock_.*|gate_stock")
    steps = [lambda point=point: stage.pause(point, "inventory") for point in sorted(points, key=lambda point: "gate_close" not in point)]
    steps[1:1] = [lambda: stage.race("inventory.call.gate_open"), lambda: stage.race("inventory.call.gate_load")]
    note = repeat(max(3, PAUSES * 6 // 10), stage, steps)
    assert stage.overheard.late, "no write of an ex-leader ever came to the gate: nothing was shown"
    return note


def test_broker_ex_leaders(make_instance):
    """A broker that stood still until another one delivered only repeats what is done."""
    stage = Stage(make_instance)
    points = [f"broker.{moment}" for moment in ("call.journal_delete", "result.journal_read", "send.deliver")]
    return repeat(max(1, PAUSES * 2 // 10), stage, [lambda point=point: stage.pause(point, "broker") for point in points])


def test_ordering_ex_holders(make_instance):
    """An ordering process that stood still before or after its transaction, while another one wrote the same orders, writes none twice."""
    stage = Stage(make_instance)
    steps = [lambda point=point: stage.pause(point) for point in ("ordering.call.order_write", "ordering.result.order_write")]
    steps += [lambda point=point: stage.pause(point, "scheduler") for point in points_of("ordering", ".*expire.*")]
    return repeat(max(1, PAUSES * 2 // 10), stage, steps)
