"""Traps that others fell into (each line of this file was somebody's outage)."""

import signal
import socket
import subprocess

from outside import auditor, crowd
from outside.instance import BIN
from outside.raw_http import request
from outside.waiting import until
from sales import check_books, codes_of, orders_in_database

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"  # package libfaketime


def failures(summary):
    """Attempts that ended, for the client, in no answer or in one of our faults."""
    return sum(count for name, count in summary["final_by"].items() if name.split()[0] == "0" or name.startswith("5"))


def test_publish_again_while_it_runs(instance):
    """Publishing a running sale again changes nothing, least of all its stock."""
    tokens = instance.token_list(4)
    sale_id = instance.sale(3)
    assert instance.buy(sale_id, tokens[0], "a").status == 201
    for _ in range(3):
        assert instance.move(sale_id, "publish").status == 200
    assert [instance.buy(sale_id, token, "a").status for token in tokens[1:]] == [201, 201, 409]
    assert instance.audit_at_rest(sale_id)["pending_payment"] == 3


def test_scripts_flushed(instance):
    """SCRIPT FLUSH in the middle of a sale (NOSCRIPT) costs at most some 503s; a retry with the same key is served."""
    tokens = instance.tokens(3000)
    sale_id = instance.sale(3000)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=32, rate=1000, client_retries=3)
    until("the sale is under way", 20, lambda: orders_in_database(instance, sale_id) > 100)
    with instance.redis() as redis:
        redis("SCRIPT", "FLUSH")
    summary = one.wait()
    assert failures(summary) == 0 and summary["orders"] == 3000, codes_of(summary)
    check_books(instance, sale_id, auditor.confirmed_of(one.rows(), crowd.user_ids(tokens)))
    return str(codes_of(summary))


def test_broker_stopped(instance):
    """While the broker stands still, shoppers are served; their orders arrive when it goes on."""
    tokens = instance.tokens(1000)
    sale_id = instance.sale(1000)
    pid = instance.kill("broker", signal.SIGSTOP)
    try:
        summary, rows = crowd.run(instance.port, sale_id, tokens, log=True, connections=32, seconds=1.5, rate=600)
        assert failures(summary) == 0 and summary["orders"] == summary["attempts"], codes_of(summary)
    finally:
        if not instance.is_replaced("broker", pid):  # the supervisor may have taken it for dead
            instance.kill("broker", signal.SIGCONT)
    check_books(instance, sale_id, auditor.confirmed_of(rows, crowd.user_ids(tokens)))
    return f"{summary['orders']} orders"


def test_retry_after_a_lost_answer(instance):
    """A client that never saw its answer sends the same key again and gets the order that it already has."""
    token = instance.token_list(1)[0]
    sale_id = instance.sale(10)
    data = request("POST", f"/api/v1/sales/{sale_id}/purchases",
                   [("Authorization", f"Bearer {token}"), ("Idempotency-Key", "lost"), ("Content-Type", "application/json")], b"{}")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", instance.edge_ports()[0]), timeout=5) as connection:
            connection.sendall(data)
    ids = {instance.buy(sale_id, token, "lost", port=port).body["order_id"] for port in instance.edge_ports()}
    assert len(ids) == 1, ids
    assert instance.audit_at_rest(sale_id)["pending_payment"] == 1


def test_limiter_counts_only_what_it_lets_through(instance):
    """A shopper who hammers far beyond the window is still served its share in every window: refusals are not charged."""
    tokens = instance.tokens(1)
    sale_id = instance.sale(0)
    summary, rows = crowd.run(instance.port, sale_id, tokens, log=True, connections=16, rate=400, seconds=4, repeat=True)
    codes = codes_of(summary)
    limits = instance.as_operator("GET", "/admin/limits").body["limits"]["user"]
    windows = 4000 / limits["window_ms"]
    assert set(codes) == {"409 sold_out", "429 rate_limited"}, codes
    assert codes["409 sold_out"] >= 0.7 * windows * limits["count"], (codes, limits)
    assert codes["409 sold_out"] <= (windows + 2) * limits["count"], (codes, limits)
    refused = instance.buy(sale_id, open(tokens, encoding="ascii").read().strip(), "x")
    assert refused.status == 409 or refused.body["limit"] == "user", refused
    return f"{codes} of {len(rows)} attempts"


def test_scale_out_and_in_during_the_peak(instance):
    """More and then fewer seckill and ordering processes during a sale: nothing lost, nothing twice, no failed client."""
    tokens = instance.tokens(16000)
    sale_id = instance.sale(16000)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=64, rate=1500, client_retries=1)
    until("the sale is under way", 20, lambda: orders_in_database(instance, sale_id) > 100)
    for wanted in ({"seckill": 3, "ordering": 2}, {"seckill": 1, "ordering": 1}, {"edge": 3, "limiter": 2}, {"edge": 2, "limiter": 1}):
        result = instance.minishop("scale", *(f"{kind}={count}" for kind, count in wanted.items()))
        assert result.returncode == 0, result.stderr.decode()

        def is_scaled(wanted=wanted):
            ready = [actor["kind"] for actor in instance.actors() if actor["state"] == "ready"]
            return all(ready.count(kind) == count for kind, count in wanted.items())
        until(f"{wanted} are ready", 50, is_scaled, 0.2)
    assert one.is_running(), "the sale ended before the processes did"
    summary = one.wait()
    assert failures(summary) <= summary["finished"] * 0.001, codes_of(summary)
    check_books(instance, sale_id, auditor.confirmed_of(one.rows(), crowd.user_ids(tokens)))
    return f"{failures(summary)} of {summary['finished']} failed"


def test_edge_clock_wrong_by_an_hour(instance):
    """Edges whose wall clocks are an hour wrong, either way, open and close a sale with all the others: the gate's clock counts."""
    token, early, late, sure = instance.token_list(4)
    edges = [_edge_with_clock(instance, 201, "-1h"), _edge_with_clock(instance, 202, "+1h")]
    try:
        ports = [until(f"edge/{number} is ready", 20, lambda number=number: _port_of(instance, number)) for number in (201, 202)]
        sale_id = instance.sale(10, opens_in_s=1.5, lasts_s=4)
        for port in ports:
            assert instance.buy(sale_id, early, "before", port=port).status == 425
            assert abs(instance.call("GET", "/time", port=port).body["now_ms"] - instance.now_ms()) < 50
        until("the sale is open", 10, lambda: instance.buy(sale_id, token, "first", port=ports[0]).status == 201, 0.02)
        assert instance.buy(sale_id, sure, "second", port=ports[1]).status == 201
        until("the sale has ended", 10, lambda: instance.buy(sale_id, late, "after", port=ports[1], quantity=2).status == 410, 0.05)
        ((first, last),) = instance.sql("SELECT min (reserved_us) - max (starts_at_ms) * 1000, max (ends_at_ms) * 1000 - max (reserved_us)"
                                        f" FROM orders JOIN sale USING (sale_id) WHERE sale_id = {sale_id}")
        assert 0 <= int(first) and 0 < int(last), (first, last)
        return f"first order {int(first) / 1000:.0f} ms after the opening"
    finally:
        for edge in edges:
            edge.terminate()
            assert edge.wait(20) == 0


def _edge_with_clock(instance, number, offset):
    """An edge more, started by hand: only its wall clock is wrong, as on a machine that was set wrongly."""
    environment = {**instance.environment, "LD_PRELOAD": FAKETIME, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with open(instance.folder / f"log/edge-{number}.log", "ab") as log:
        return subprocess.Popen([BIN / "minishop-edge", "--number", str(number)], env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=subprocess.STDOUT)


def _port_of(instance, number):
    return next((int(actor["endpoint"].rsplit(":", 1)[1]) for actor in instance.actors("edge")
                 if actor["id"] == f"edge/{number}" and actor["state"] == "ready"), None)
