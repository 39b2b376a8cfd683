"""Statistics of a sale, as an operators' board polls them: exact, of all edges, quick whatever is away."""

import os
import signal
import time

from outside import lifecycle, processes
from outside.waiting import until

ASKED_MAX_S = 2.5  # ten times what an edge waits for the others

STATUSES = ("pending_payment", "paid", "cancelled", "expired", "rejected", "refunded")


def stats(instance, sale_id, port=None):
    answer = instance.call("GET", f"/admin/sales/{sale_id}/stats", token=instance.operator, port=port)
    assert answer.status == 200, answer
    assert set(answer.body) == {"attempts", "accepted", "refused", "stock_left", "orders", "p50_ms", "p99_ms", "queue_depth"}, answer.body
    assert tuple(answer.body["orders"]) == STATUSES, answer.body
    return answer.body


def at_rest(instance, sale_id, port=None):
    """The statistics once nothing waits and the snapshot has the stock; all but the times, which pass."""
    def rests():
        found = stats(instance, sale_id, port)
        return found if found["queue_depth"] == 0 else None
    found = until(f"nothing of sale {sale_id} waits", 20, rests, 0.05)
    return {name: value for name, value in found.items() if name not in ("p50_ms", "p99_ms")}


def wanted(accepted, refused, stock_left, **orders):
    return {"attempts": accepted + sum(refused.values()), "accepted": accepted, "refused": refused, "stock_left": stock_left,
            "orders": {status: orders.get(status, 0) for status in STATUSES}, "queue_depth": 0}


def until_all(instance, sale_id, numbers, ports):
    for port in ports:
        try:
            until("the numbers are exact", 10, lambda: at_rest(instance, sale_id, port) == numbers, 0.05)
        except AssertionError as error:
            raise AssertionError(f"port {port}: {at_rest(instance, sale_id, port)}, not {numbers}") from error


def buy_at(instance, sale_id, port, token, key, status, code=None):
    answer = instance.buy(sale_id, token, key, port=port)
    assert answer.status == status and answer.body.get("code") == code, answer
    return answer.body


def test_numbers_of_two_edges(make_instance):
    """Purchases at two edges, replays, duplicates, sold-out, payment and cancel: every edge tells the same exact numbers; one that stands still
    or is killed is left out within its time, and counts anew when it is back; orders stay PostgreSQL's."""
    with make_instance() as one:
        first, second = ports = one.edge_ports()
        a, b, c, d = one.token_list(4)
        sale_id = one.sale(3)
        until_all(one, sale_id, wanted(0, {}, 3), [*ports, one.port])
        kept = buy_at(one, sale_id, first, a, "a", 201)
        assert buy_at(one, sale_id, second, a, "a", 201) == kept
        buy_at(one, sale_id, first, a, "a-2", 409, "already_purchased")
        paid = buy_at(one, sale_id, second, b, "b", 201)
        cancelled = buy_at(one, sale_id, first, c, "c", 201)
        buy_at(one, sale_id, second, d, "d", 409, "sold_out")
        for _ in range(2):
            buy_at(one, sale_id, first, d, "d", 409, "sold_out")
        one.call("POST", f"/sales/{sale_id}/purchases", {"quantity": 0}, d, {"Idempotency-Key": "d"}, first)  # never looked at the sale
        refused = {"already_purchased": 1, "sold_out": 3}
        until_all(one, sale_id, wanted(4, refused, 0, pending_payment=3), [*ports, one.port])
        times = stats(one, sale_id)
        assert 0 < times["p50_ms"] <= times["p99_ms"] < 3000, times

        lifecycle.until_status(one, paid["order_id"], b, "pending_payment")
        assert lifecycle.pay(one, paid["order_id"], b, "pay").status == 201
        lifecycle.until_status(one, paid["order_id"], b, "paid")
        assert lifecycle.cancel(one, cancelled["order_id"], c).status == 200
        orders = {"pending_payment": 1, "paid": 1, "cancelled": 1}
        until_all(one, sale_id, wanted(4, refused, 1, **orders), [*ports, one.port])

        until("the times are forgotten", 15, lambda: stats(one, sale_id)["p99_ms"] == 0, 0.2)
        asked_s = _without(one, sale_id, ports, refused, orders)
        return f"asked beside an edge that stands still: {1000 * asked_s:.0f} ms"


def _without(one, sale_id, ports, refused, orders):
    """The second edge stands still, goes on, and is killed. Returns the time of an answer while it stood."""
    first, second = ports
    whole, alone = wanted(4, refused, 1, **orders), wanted(2, {"already_purchased": 1, "sold_out": 2}, 1, **orders)
    name = next(actor["id"] for actor in one.actors("edge") if actor["endpoint"].endswith(f":{second}"))
    one.kill(name, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        stats(one, sale_id, first)
        asked_s = time.monotonic() - begin
        found = at_rest(one, sale_id, first)
    finally:
        one.kill(name, signal.SIGCONT)
    assert found == alone and asked_s < ASKED_MAX_S, (asked_s, found)
    until_all(one, sale_id, whole, [first])

    pid = one.kill(name)
    begin = time.monotonic()
    stats(one, sale_id, first)
    asked_s_after_kill = time.monotonic() - begin
    found = at_rest(one, sale_id, first)
    assert found == alone and asked_s_after_kill < ASKED_MAX_S, (asked_s_after_kill, found)
    until(f"{name} is replaced", 20, lambda: one.is_replaced(name, pid) and len(one.edge_ports()) == 2)
    until_all(one, sale_id, alone, [first, *one.edge_ports(), one.port])
    token = one.token_list(1)[0]
    new = next(port for port in one.edge_ports() if port != first)
    until("the new edge serves", 20, lambda: one.call("GET", "/time", port=new).status == 200)
    buy_at(one, sale_id, new, token, "late", 201)
    now = wanted(3, {"already_purchased": 1, "sold_out": 2}, 0, **{**orders, "pending_payment": 2})
    until_all(one, sale_id, now, [first, new, one.port])
    return asked_s


def test_while_postgresql_is_away(make_instance):
    """Without PostgreSQL the answer is a 503 with a time to come again, within the deadline of a question at first and then at once; it is right
    again soon after."""
    with make_instance() as one:
        sale_id = one.sale(5)
        token = one.token_list(1)[0]
        buy_at(one, sale_id, one.port, token, "a", 201)
        until_all(one, sale_id, wanted(1, {}, 4, pending_payment=1), [one.port])
        pids = processes.tree(one.pid_of("postgres"))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        times = []

        def is_away():
            begin = time.monotonic()
            answer = one.as_operator("GET", f"/admin/sales/{sale_id}/stats")
            times.append(time.monotonic() - begin)
            assert answer.status == 200 or (answer.status, answer.body["code"]) == (503, "dependency_unavailable"), answer
            return answer.status == 503 and "Retry-After" in answer.headers
        try:
            until("a 503", 20, is_away, 0.005)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        until("an answer again", 30, lambda: one.as_operator("GET", f"/admin/sales/{sale_id}/stats").status == 200)
        until_all(one, sale_id, wanted(1, {}, 4, pending_payment=1), [one.port])
        assert max(times) < 10, times
        return f"503 after {1000 * times[-1]:.0f} ms"


def test_drafts_and_strangers(instance):
    """A draft has statistics of zeros; a sale that is not there is not found; shoppers and nobody are refused."""
    draft = instance.draft(9)
    assert at_rest(instance, draft) == wanted(0, {}, 9)
    path = f"/admin/sales/{draft}/stats"
    for token, status, code in ((instance.token_list(1)[0], 403, "forbidden"), (None, 401, "unauthenticated")):
        answer = instance.call("GET", path, token=token)
        assert (answer.status, answer.body["code"]) == (status, code), answer
    for sale_id, code in (("281474976710000", "unknown_sale"), ("0", "not_found"), ("abc", "not_found")):
        answer = instance.as_operator("GET", f"/admin/sales/{sale_id}/stats")
        assert (answer.status, answer.body["code"]) == (404, code), answer
    assert instance.as_operator("POST", path, {}).status == 405
