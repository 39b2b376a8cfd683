"""Starting, stopping, and several instances on one machine."""

import os
import signal
import subprocess
import time

from outside import auditor, crowd, processes
from outside.instance import ROOT, ask
from outside.waiting import until
from sales import check_books, orders_in_database


def is_ready(instance):
    return ask(instance.port, "GET", "/readyz").status == 200


def test_two_instances(instance, make_instance):
    """Two instances side by side share nothing: own stock, own orders, and a token of one is nothing to the other."""
    other = make_instance().start()
    token, foreign = instance.token_list(1)[0], other.token_list(1)[0]
    here, there = instance.sale(1), other.sale(1)
    assert instance.buy(here, foreign, "x").status == 401
    assert other.buy(there, token, "x").status == 401
    assert instance.buy(here, token, "x").status == 201 and other.buy(there, foreign, "x").status == 201
    assert instance.audit_at_rest(here)["balanced"] and other.audit_at_rest(there)["balanced"]
    pids = set(other.all_pids())
    other.stop()
    until("the other's processes are gone", 30, lambda: not any(map(processes.is_alive, pids)))
    assert instance.call("GET", "/time").status == 200


def test_interrupt_leaves_nothing(make_instance):
    """Ctrl-C under load: exit 0, no process left, no confirmed order lost; the second start takes seconds and keeps the data."""
    one = make_instance()
    with open(one.folder / "run.out", "wb") as out:
        running = subprocess.Popen([ROOT / "scripts/run", "--no-demo"], cwd=ROOT, env=one.environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    until("the instance is ready", 600, lambda: is_ready(one) or running.poll() is not None, 0.2)
    one.log_in()
    tokens = one.tokens(20000)
    sale_id = one.sale(20000)
    load = crowd.Crowd(one.port, sale_id, tokens, log=True, connections=64, rate=1500)
    until("the sale is under way", 20, lambda: orders_in_database(one, sale_id) > 500)
    pids = set(one.all_pids())
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    assert running.wait(60) == 0
    load.stop()
    rows = list(load.rows())
    until("all processes are gone", 10, lambda: not any(map(processes.is_alive, pids)))
    begin = time.monotonic()
    one.start()
    started_s = time.monotonic() - begin
    assert started_s < 50, started_s
    confirmed = auditor.confirmed_of(rows, crowd.user_ids(tokens))
    check_books(one, sale_id, confirmed)
    return f"{len(confirmed)} orders kept, second start in {started_s:.1f} s (gate 5)"
