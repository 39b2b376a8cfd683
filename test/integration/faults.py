"""Processes and stores are killed while a crowd buys. Deadlines are ten times the gates; the figures are printed."""

import os
import shutil
import signal

from outside import auditor, crowd
from outside.waiting import now_us, until
from sales import check_books, codes_of, orders_in_database
from traps import failures

VICTIMS = ("limiter", "seckill", "broker", "ordering", "inventory", "account", "provider", "edge/2")
RATE_PER_S = 800
RESERVATIONS = int(os.environ.get("MINISHOP_RESERVATIONS", "5000"))  # that Redis holds when it is killed


class Load:
    """A crowd at a steady rate, with what it takes to say afterwards when service was back."""

    def __init__(self, instance, seconds, client_retries=1, rate=RATE_PER_S, reservations=0):
        """`reservations` are made as fast as they can be, before the steady crowd comes."""
        self.instance = instance
        shoppers = int(rate * seconds)
        self.sale_id = instance.sale(shoppers + reservations)
        self.confirmed = self._reserve(reservations) if reservations else []
        self.tokens = instance.tokens(shoppers)
        self.crowd = crowd.Crowd(instance.port, self.sale_id, self.tokens, log=True, connections=128, rate=rate, client_retries=client_retries)
        until("the sale is under way", 60, lambda: orders_in_database(instance, self.sale_id) > reservations + 50)

    def _reserve(self, count):
        tokens = self.instance.tokens(count)
        _, rows = crowd.run(self.instance.port, self.sale_id, tokens, log=True, connections=256, client_retries=3)
        confirmed = auditor.confirmed_of(rows, crowd.user_ids(tokens))
        assert len(confirmed) == count, f"{len(confirmed)} of {count} reservations were made"
        return confirmed

    def end(self):
        self.summary = self.crowd.stop()
        self.rows = list(self.crowd.rows())
        return self.summary

    def check(self):
        return check_books(self.instance, self.sale_id, self.confirmed + auditor.confirmed_of(self.rows, crowd.user_ids(self.tokens)))

    def back_after_ms(self, at_us):
        """From a fault to the first confirmed order of somebody who came after it."""
        back = [row.at_us for row in self.rows if row.status == 201 and row.at_us - row.latency_us >= at_us]
        assert back, "nobody was served after the fault"
        return (min(back) - at_us) / 1000

    def worst_gap_ms(self, at_us, until_us):
        """Longest time without a confirmed order, from a fault on."""
        times = [at_us] + sorted(row.at_us for row in self.rows if row.status == 201 and at_us <= row.at_us <= until_us)
        return max((later - earlier) / 1000 for earlier, later in zip(times, times[1:])) if len(times) > 1 else None


def is_ready(instance, name):
    """True if the actor is in the directory as ready, under the pid that it has now."""
    pid = instance.pid_of(name)
    if name == "provider":  # the list of the contract has none
        return instance.minishop("probe", "provider/1").returncode == 0
    return any(actor["pid"] == pid and actor["state"] == "ready" for actor in instance.actors())


def kill_and_wait(instance, name, deadline_s):
    """kill -9; returns (time of the fault, ms until its successor was ready)."""
    at_us = now_us()
    pid = instance.kill(name)
    until(f"{name} is replaced", deadline_s, lambda: instance.is_replaced(name, pid))

    def is_back():
        try:
            return is_ready(instance, name)
        except LookupError:
            return False
    until(f"the new {name} is ready", deadline_s, is_back, 0.05)
    return at_us, (now_us() - at_us) / 1000


def test_actors_killed_one_after_another(instance):
    """Each kind of actor is killed during a sale: its successor serves within 5 s, at most 0.1 % of clients that retry once fail."""
    load = Load(instance, seconds=60)
    times = {name: kill_and_wait(instance, name, 5) for name in VICTIMS}
    assert load.crowd.is_running(), "the sale ended before the faults did"
    summary = load.end()
    notes = []
    for name, (at_us, ready_ms) in times.items():
        back_ms, gap_ms = load.back_after_ms(at_us), load.worst_gap_ms(at_us, at_us + 5000000)
        assert back_ms <= 5000, (name, back_ms)
        notes.append(f"{name} {back_ms:.0f}/{gap_ms:.0f}/{ready_ms:.0f}")
    load.check()
    failed = failures(summary)
    assert failed <= summary["finished"] * 0.001, f"{failed} of {summary['finished']}: {codes_of(summary)}"
    return f"next order/longest gap/ready, ms: {', '.join(notes)}; failed {failed} of {summary['finished']}"


def test_all_actors_killed_at_once(instance):
    """Every actor dies in the same moment: all come back, and nothing that was promised is lost."""
    load = Load(instance, seconds=60, client_retries=5)
    at_us = now_us()
    killed = {name: instance.kill(name) for name in (*VICTIMS, "edge/1")}
    for name, pid in killed.items():
        until(f"{name} is replaced", 30, lambda name=name, pid=pid: instance.is_replaced(name, pid))
    served_again(instance, load)
    load.end()
    back_ms = load.back_after_ms(at_us)
    assert back_ms < 150000
    load.check()
    return f"next order after {back_ms:.0f} ms (gate 15,000)"


def served_again(instance, load, deadline_s=60):
    """Waits until an operator sees a consistent audit again and a fresh shopper is served."""
    token = instance.token_list(1)[0]
    key = f"again-{now_us()}"
    sale_id = instance_probe_sale(instance, deadline_s)
    until("a fresh shopper is served", deadline_s, lambda: instance.buy(sale_id, token, key).status == 201, 0.1)
    assert load.crowd.is_running(), "the sale ended before the faults did"


def instance_probe_sale(instance, deadline_s):
    """A small sale, made as soon as operators are served again."""
    made = []

    def make():
        try:
            made.append(instance.sale(1))
        except (AssertionError, KeyError, TypeError):
            return False
        return True
    until("operators are served", deadline_s, make, 0.1)
    return made[0]


def test_redis_killed(instance):
    """Redis is killed: nothing confirmed is lost, its sales are rebuilt and go on. MINISHOP_RESERVATIONS=100000 for the figure of the gate."""
    load = Load(instance, seconds=60, client_retries=8, reservations=RESERVATIONS)
    at_us = now_us()
    pid = instance.kill("redis")
    until("redis is replaced", 30, lambda: instance.is_replaced("redis", pid))
    served_again(instance, load)
    load.end()
    back_ms = load.back_after_ms(at_us)
    assert back_ms < 30000
    books = load.check()
    assert books["lost_with_disk"] == 0, books
    return f"{RESERVATIONS} reservations, next order after {back_ms:.0f} ms (gate 3,000)"


def test_redis_wiped(instance):
    """Redis comes back empty: the gate is rebuilt from PostgreSQL without overselling; what died with the disk is counted apart."""
    load = Load(instance, seconds=60, client_retries=8)
    pid = instance.kill("redis", signal.SIGSTOP)  # so that nobody restarts it before its data is gone
    for path in (instance.folder / "redis").resolve().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink() if path.suffix not in (".conf", ".acl") else None
    at_us = now_us()
    instance.kill("redis")
    until("redis is replaced", 30, lambda: instance.is_replaced("redis", pid))
    served_again(instance, load)
    load.end()
    back_ms = load.back_after_ms(at_us)
    assert back_ms < 50000
    books = load.check()
    return f"next order after {back_ms:.0f} ms (gate 5,000); lost_with_disk {books['lost_with_disk']} units"


def test_postgres_killed(instance):
    """PostgreSQL is killed: shoppers are served on, and their orders arrive when it is back."""
    load = Load(instance, seconds=60)
    at_us = now_us()
    pid = instance.kill("postgres")
    until("postgres is replaced", 60, lambda: instance.is_replaced("postgres", pid))
    until("postgres answers", 60, lambda: orders_in_database(instance, load.sale_id) > 0)
    back_us = now_us()
    served_again(instance, load)
    summary = load.end()
    meanwhile = sum(1 for row in load.rows if row.status == 201 and at_us < row.at_us - row.latency_us < back_us)
    assert meanwhile > 0, "nobody was served while PostgreSQL was away"
    load.check()
    failed = failures(summary)
    assert failed <= summary["finished"] * 0.001, f"{failed} of {summary['finished']}: {codes_of(summary)}"
    return f"{meanwhile} served in the {(back_us - at_us) / 1000:.0f} ms without it; failed {failed} of {summary['finished']}"


def test_nginx_killed(instance):
    """nginx is killed: the supervisor brings it back on its port."""
    pid = instance.kill("nginx")
    until("nginx is replaced", 30, lambda: instance.is_replaced("nginx", pid))
    until("nginx answers", 30, lambda: instance.call("GET", "/time").status == 200)
