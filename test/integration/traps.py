"""Traps that others fell into (each line of this file was somebody's outage)."""

import contextlib
import os
import pathlib
import signal
import socket
import threading
import time

from outside import auditor, crowd
from outside.clocks import WrongEdge
from outside.lifecycle import Provider, bought, cancel, pay, status_of, until_status
from outside.operators import Poison, change_stock, dead_letters, decide, edit
from outside.raw_http import request
from outside.waiting import until
from orders import GATE_S, check, until_sold
from payments import all_ports, at_once, hanging, stopped
from sales import check_books, codes_of, orders_in_database


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
    tokens = instance.tokens(60000)  # more than come: it ends when the processes did
    sale_id = instance.sale(60000)
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
    summary = one.stop()
    assert failures(summary) <= summary["finished"] * 0.001, codes_of(summary)
    check_books(instance, sale_id, auditor.confirmed_of(one.rows(), crowd.user_ids(tokens)))
    return f"{failures(summary)} of {summary['finished']} failed"


def test_edge_clock_wrong_by_an_hour(instance):
    """Edges whose wall clocks are an hour wrong, either way, open and close a sale with all the others: the gate's clock counts."""
    token, early, late, sure = instance.token_list(4)
    edges = [WrongEdge(instance, 201, "-1h"), WrongEdge(instance, 202, "+1h")]
    try:
        ports = [edge.until_ready() for edge in edges]
        sale_id = instance.sale(10, opens_in_s=4, lasts_s=8)
        for port in ports:
            assert instance.buy(sale_id, early, "before", port=port).status == 425
            asked_ms = instance.now_ms()
            told_ms = instance.call("GET", "/time", port=port).body["now_ms"]
            assert asked_ms - 50 < told_ms < instance.now_ms() + 50, (asked_ms, told_ms)
        until("the sale is open", 10, lambda: instance.buy(sale_id, token, "first", port=ports[0]).status == 201, 0.02)
        assert instance.buy(sale_id, sure, "second", port=ports[1]).status == 201
        until("the sale has ended", 10, lambda: instance.buy(sale_id, late, "after", port=ports[1], quantity=2).status == 410, 0.05)
        ((first, last),) = instance.sql("SELECT min (reserved_us) - max (starts_at_ms) * 1000, max (ends_at_ms) * 1000 - max (reserved_us)"
                                        f" FROM orders JOIN sale USING (sale_id) WHERE sale_id = {sale_id}")
        assert 0 <= int(first) and 0 < int(last), (first, last)
    finally:
        codes = [edge.end() for edge in edges]
    assert codes == [0, 0], codes
    return f"first order {int(first) / 1000:.0f} ms after the opening"


def test_cancel_twice(instance):
    """Cancels of one order from every edge in the same moment give its units back once."""
    sale_id = instance.sale(5, per_user_limit=3)
    token, body = bought(instance, sale_id, quantity=3)
    ports = all_ports(instance)
    answers = at_once([lambda port=ports[number % len(ports)]: cancel(instance, body["order_id"], token, port) for number in range(8)])
    assert {answer.status for answer in answers} == {200}, answers
    until("the units are back", GATE_S, lambda: instance.audit(sale_id)["gate_left"] == 5, 0.05)
    books = check(instance, sale_id, initial=5)
    assert books["cancelled_returned"] == 3, books


def test_cancel_before_the_order_row_exists(instance):
    """While the broker stands still an order has no row: cancelling it works all the same, its unit is sold again, and the row that comes
    later does not bring it back to life."""
    sale_id = instance.sale(1)
    token, stranger = instance.token_list(2)
    wake = stopped(instance, "broker")
    try:
        body = instance.buy(sale_id, token, "first").body
        assert instance.sql(f"SELECT 1 FROM orders WHERE sale_id = {sale_id}") == []
        done = cancel(instance, body["order_id"], token)
        assert (done.status, done.body["status"]) == (200, "cancelled"), done
        again, seconds = until_sold(instance, sale_id, stranger)
        assert instance.buy(sale_id, token, "first").body["order_id"] == body["order_id"]
    finally:
        wake()
    until_status(instance, again["order_id"], stranger, "pending_payment", 60)
    assert status_of(instance, body["order_id"], token) == "cancelled"
    check(instance, sale_id, initial=1)
    kinds = instance.sql(f"SELECT kind FROM ledger WHERE sale_id = {sale_id} AND encode (rid, 'hex') = '{body['order_id'].replace('-', '')}'")
    assert sorted(kinds) == [["ALLOC"], ["RETURN"]], kinds
    return f"sold again after {seconds:.2f} s (gate 2)"


def test_stock_edited_mid_sale(instance):
    """Stock is added and taken from all edges while a crowd buys: every unit is accounted for."""
    tokens = instance.tokens(3000)
    sale_id = instance.sale(500)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=64, rate=800, client_retries=3)
    deltas = []
    for number in range(20):
        delta = 60 if number % 3 != 2 else -40
        answer = change_stock(instance, sale_id, delta, f"op-{number}")
        again = change_stock(instance, sale_id, delta, f"op-{number}")
        assert answer.status in (200, 409) and (answer.status == 200 or delta < 0), answer
        assert again.status == answer.status or answer.status == 409, (answer, again)
        deltas.append(delta if 200 in (answer.status, again.status) else 0)
    summary = one.wait()
    books = check_books(instance, sale_id, auditor.confirmed_of(one.rows(), crowd.user_ids(tokens)), initial=500)
    assert books["stock_total"] == 500 + sum(deltas), (books, deltas)
    return f"{deltas.count(0)} refused, total {books['stock_total']}, {summary['orders']} orders"


def test_price_edited_mid_sale(instance):
    """The price changes ten times while a crowd buys: each order has a price that was in force, and nothing else goes wrong."""
    tokens = instance.tokens(3000)
    sale_id = instance.sale(3000, price_cents=1000)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=64, rate=700, client_retries=3, pay_per_mille=300)
    prices = {1000}
    for number in range(1, 11):
        assert edit(instance, sale_id, price_cents=1000 + number).status == 200
        prices.add(1000 + number)
    summary = one.wait()
    ids, rows = crowd.user_ids(tokens), list(one.rows())
    check_books(instance, sale_id, auditor.confirmed_of(rows, ids), auditor.promises_of(one.acts, ids), initial=3000, prices=prices)
    ((used,),) = instance.sql(f"SELECT count(DISTINCT price_cents) FROM orders WHERE sale_id = {sale_id}")
    assert summary["orders"] == 3000 and int(used) > 2, (codes_of(summary), used)
    return f"{used} prices"


def test_redis_restarts_with_an_open_gate(instance):
    """Redis comes back from its file with a gate that says "open": nothing is sold from it until the gate is rebuilt, and nothing twice."""
    tokens = instance.token_list(12)
    sale_id = instance.sale(10)
    first = [instance.buy(sale_id, token, "before").status for token in tokens[:5]]
    wake = stopped(instance, "inventory")  # nobody rebuilds
    try:
        pid = instance.kill("redis")
        until("redis is replaced", 30, lambda: instance.is_replaced("redis", pid))
        with until("redis answers", 30, lambda: open_redis(instance)) as redis:
            assert redis("HGET", "{s%s}:g" % sale_id, "rec") in (b"0", None) and redis("HGET", "{s%s}:g" % sale_id, "want") == b"2"
        for token in tokens[5:8]:
            refused = instance.buy(sale_id, token, "meanwhile")
            assert refused.status == 503 and refused.body["retryable"], refused
    finally:
        wake()
    for token in tokens[5:]:
        until("the sale goes on", 30, lambda token=token: instance.buy(sale_id, token, "meanwhile").status in (201, 409), 0.1)
    assert first == [201] * 5 and [instance.buy(sale_id, token, "before").status for token in tokens[:5]] == [201] * 5
    books = check(instance, sale_id, initial=10)
    assert books["pending_payment"] == 10, books


def open_redis(instance):
    redis = instance.redis()
    return redis if redis("PING") == b"PONG" else None


def test_keys_lost_in_a_running_redis(instance):
    """Somebody deletes a key of the gate: the sale is closed and rebuilt from PostgreSQL, and sells what is left, not more."""
    tokens = instance.token_list(14)
    sale_id = instance.sale(8)
    for number, key in enumerate((":a", ":u", ":r", None)):
        assert instance.buy(sale_id, tokens[number], "k").status == 201
        until("it is in PostgreSQL", 20, lambda number=number: orders_in_database(instance, sale_id) == number + 1)
        with instance.redis() as redis:
            prefix = "{s%s}" % sale_id
            epoch = redis("HGET", prefix + ":g", "ep").decode()
            assert redis("DEL", f"{prefix}:{epoch}{key}" if key else prefix + ":g") == 1
        until("the gate is rebuilt", 30, lambda number=number: instance.buy(sale_id, tokens[number], "k").status == 201, 0.1)
    answers = [until("the sale goes on", 30, lambda token=token: settled(instance.buy(sale_id, token, "k")), 0.1) for token in tokens[4:]]
    assert [answer.status for answer in answers].count(201) == 4, answers
    assert check(instance, sale_id, initial=8)["pending_payment"] == 8


def settled(answer):
    return answer if answer.status < 500 else None


def test_broker_restart(instance):
    """The broker is killed, and asked to leave, with deliveries out, again and again: every order arrives, none twice."""
    tokens = instance.tokens(6000)
    sale_id = instance.sale(6000)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=64, rate=1200, client_retries=1)
    until("the sale is under way", 20, lambda: orders_in_database(instance, sale_id) > 100)
    for number in range(6):
        pid = instance.kill("broker", signal.SIGKILL if number % 2 == 0 else signal.SIGTERM)
        until("the broker is replaced", 30, lambda pid=pid: instance.is_replaced("broker", pid))
    summary = one.wait()
    assert failures(summary) == 0 and summary["orders"] == 6000, codes_of(summary)
    check_books(instance, sale_id, auditor.confirmed_of(one.rows(), crowd.user_ids(tokens)), initial=6000)


def test_duplicate_delivery(instance):
    """Journal entries that are there twice, three times, in any order: one order each, one row in the ledger, and the books are right."""
    tokens = instance.token_list(20)
    sale_id = instance.sale(20)
    wake = stopped(instance, "broker")
    try:
        orders = [instance.buy(sale_id, token, "dup").body["order_id"] for token in tokens]
        with instance.redis() as redis:
            prefix = "{s%s}" % sale_id
            journal = f"{prefix}:{redis('HGET', prefix + ':g', 'ep').decode()}:x"
            entries = redis("XRANGE", journal, "-", "+")
            assert len(entries) == 20 or orders_in_database(instance, sale_id) > 0, len(entries)
            for copy in range(2):
                for _, fields in entries[::-1] if copy else entries:
                    redis("XADD", journal, "*", *fields)
                    redis("HINCRBY", prefix + ":g", "ju", int(fields[5]))  # as the gate counts what is in the journal
    finally:
        wake()
    until("the journal is empty", 60, lambda: journal_is_empty(instance, journal), 0.1)
    for token, order_id in zip(tokens, orders):
        assert status_of(instance, order_id, token) == "pending_payment"
    check(instance, sale_id, initial=20)
    assert cancel(instance, orders[0], tokens[0]).status == 200
    check(instance, sale_id, initial=20)


def journal_is_empty(instance, journal):
    with instance.redis() as redis:
        return redis("XLEN", journal) == 0


def test_retry_after_sold_out(instance):
    """A shopper who has an order is told so for ever, sold out or not; one who has none and retries is told `sold_out`, not an order."""
    token, loser = instance.token_list(2)
    sale_id = instance.sale(1)
    won = instance.buy(sale_id, token, "mine")
    for port in all_ports(instance) * 2:
        again = instance.buy(sale_id, token, "mine", port=port)
        assert (again.status, again.body) == (201, won.body), again
        other = instance.buy(sale_id, token, "another", port=port)
        assert (other.body["code"], other.body["order_id"]) == ("already_purchased", won.body["order_id"]), other
        lost = instance.buy(sale_id, loser, "mine", port=port)
        assert (lost.status, lost.body["code"], lost.body["stock_left"]) == (409, "sold_out", 0), lost
    assert cancel(instance, won.body["order_id"], token).status == 200
    body, _ = until_sold(instance, sale_id, loser)
    assert instance.buy(sale_id, token, "mine").body == won.body and body["order_id"] != won.body["order_id"]
    check(instance, sale_id, initial=1)


def test_pay_after_expiry(instance):
    """Time is over: no payment is begun, and one that was begun before and is captured now goes back. The unit belongs to the next."""
    sale_id = instance.sale(1, pay_within_s=5)
    token, body, payment_id = hanging(instance, sale_id)
    until_status(instance, body["order_id"], token, "expired", 20)
    for port in all_ports(instance):
        late = pay(instance, body["order_id"], token, "late", port=port)
        assert (late.status, late.body["code"]) == (409, "invalid_state"), late
    next_token = instance.token_list(1)[0]
    other, _ = until_sold(instance, sale_id, next_token)
    Provider(instance).tell(Provider.event(payment_id, body))
    if pay(instance, other["order_id"], next_token, "in-time").status == 201:
        until("it is decided", 20, lambda: status_of(instance, other["order_id"], next_token) in ("paid", "expired"), 0.05)
    assert status_of(instance, body["order_id"], token) == "expired"
    check(instance, sale_id, initial=1)


def test_shutdown_with_a_full_queue(make_instance):
    """Stopped with thousands of orders in the journal and a crowd at the door: all that was confirmed is an order after the next start."""
    one = make_instance().start()
    tokens = one.tokens(6000)
    sale_id = one.sale(6000)
    wake = stopped(one, "ordering")  # so that the journal fills
    load = crowd.Crowd(one.port, sale_id, tokens, log=True, connections=64, rate=2000)
    until("the journal is full", 60, lambda: journal_length(one, sale_id) > 1500)
    wake()
    stopper = threading.Thread(target=one.stop)
    stopper.start()
    load.wait()
    stopper.join(120)
    rows = list(load.rows())
    one.start()
    confirmed = auditor.confirmed_of(rows, crowd.user_ids(tokens))
    assert len(confirmed) > 1500
    check_books(one, sale_id, confirmed, initial=6000)
    return f"{len(confirmed)} confirmed orders, all there"


def journal_length(instance, sale_id):
    with instance.redis() as redis:
        epoch = redis("HGET", "{s%s}:g" % sale_id, "ep").decode()
        return redis("XLEN", "{s%s}:%s:x" % (sale_id, epoch))


def test_poison_message_that_is_refused(instance):
    """An order that PostgreSQL will not have does not hold up others of its batch, and ends as a dead letter, not in a loop."""
    tokens = instance.tokens(400)
    poisoned = instance.tokens(3)
    sale_id = instance.sale(403)
    ids = crowd.user_ids(tokens) + crowd.user_ids(poisoned)
    with Poison(instance, crowd.user_ids(poisoned)):
        crowds = [crowd.Crowd(instance.port, sale_id, path, log=True, connections=16, rate=400, key=key)
                  for path, key in ((tokens, "a"), (poisoned, "b"))]
        summaries = [one.wait() for one in crowds]
        until("the healthy ones are in PostgreSQL", 60, lambda: healthy(instance, sale_id) == 400, 0.1)
        until("the others are dead letters", 60, lambda: letters_of(instance, sale_id) == 3, 0.1)
    assert [summary["orders"] for summary in summaries] == [400, 3]
    rows = list(crowds[0].rows()) + [row._replace(user=row.user + 400) for row in crowds[1].rows()]
    check_books(instance, sale_id, auditor.confirmed_of(rows, ids), initial=403)


def healthy(instance, sale_id):
    return int(instance.sql(f"SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 2")[0][0])


def letters_of(instance, sale_id):
    return int(instance.sql(f"SELECT count(*) FROM dead_letter WHERE sale_id = {sale_id}")[0][0])


class Assassin:
    """Kills ordering whenever PostgreSQL is at work on a poisoned order: a message that kills its consumer."""

    def __init__(self, instance):
        self.instance, self.killed, self.stopping = instance, 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.stopping.wait(0.05):
            with contextlib.suppress(OSError, LookupError):
                if self.instance.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                    self.instance.kill("ordering")
                    self.killed += 1
                    until("its statement is over", 30, lambda: not self.instance.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(60)


def test_poison_message_that_kills_its_consumer(instance):
    """A message during which its consumer dies, every time, is delivered alone, counted, and put aside; the others get through."""
    healthy_tokens = instance.token_list(20)
    path = instance.tokens(1)
    (victim,), token = crowd.user_ids(path), pathlib.Path(path).read_text(encoding="ascii").strip()
    sale_id = instance.sale(21)
    with Poison(instance, [victim], "pg_sleep (1)"), Assassin(instance) as assassin:
        body = bought(instance, sale_id, token, row=False)[1]
        others = [bought(instance, sale_id, other, row=False)[1]["order_id"] for other in healthy_tokens]
        until("it is put aside", 180, lambda: dead_letters(instance, body["order_id"]), 0.2)
        for other, order_id in zip(healthy_tokens, others):
            until_status(instance, order_id, other, "pending_payment", 120)
    assert assassin.killed >= 1
    letter = dead_letters(instance, body["order_id"])
    assert decide(instance, letter["id"], "requeue").status == 200
    until("it is an order after all", GATE_S, lambda: status_of(instance, body["order_id"], token) == "pending_payment", 0.1)
    check(instance, sale_id, initial=21)
    return f"ordering died {assassin.killed} times, {letter['attempts']} attempts were counted: {letter['reason']}"


def test_poison_message_for_the_broker(instance):
    """Entries in the journal that nobody's gate wrote: the broker lives on, puts them aside, and delivers what comes behind them."""
    sale_id = instance.sale(5)
    pid = instance.pid_of("broker")
    with instance.redis() as redis:
        prefix = "{s%s}" % sale_id
        journal = f"{prefix}:{redis('HGET', prefix + ':g', 'ep').decode()}:x"
        names = ("rid", "user", "qty", "price", "seq", "at", "pay", "hash", "trace")

        def entry(**wrong):
            values = dict(zip(names, (os.urandom(16), "7", "1", "5", "9", "1", "2", "3", os.urandom(16))), **wrong)
            return sum(values.items(), ())
        shapes = [("x", "y"), ("rid", b"short"), ("rid", b"\xff" * 65536), entry(rid=b""), entry(user="-1"), entry(qty="9" * 30)]
        for shape in shapes:
            redis("XADD", journal, "*", *shape)
    token, body = bought(instance, sale_id)
    until("all are put aside", 60, lambda: letters_of(instance, sale_id) == len(shapes), 0.1)
    assert instance.pid_of("broker") == pid, "the broker died"
    until("the journal is empty", 60, lambda: journal_is_empty(instance, journal), 0.1)
    assert status_of(instance, body["order_id"], token) == "pending_payment"
    for letter in dead_letters(instance):
        if str(letter["message"]["sale_id"]) == str(sale_id):
            assert decide(instance, letter["id"], "requeue").status == 409, "nothing is known of it that could be an order"
            assert decide(instance, letter["id"], "discard").status == 200
    books = instance.audit_at_rest(sale_id)  # the auditor would rightly miss the forged rids at the gate
    assert books["balanced"] and (books["in_flight"], books["leaked"], books["pending_payment"], books["gate_left"]) == (0, 0, 1, 4), books


def test_warmed_again_while_orders_are_cancelled(instance):
    """Publishing again, pausing and resuming while units come back neither loses nor makes any."""
    sale_id = instance.sale(30)
    stop = time.monotonic() + 4
    rounds = 0
    while time.monotonic() < stop:
        token, body = bought(instance, sale_id, row=False)
        results = at_once([lambda: cancel(instance, body["order_id"], token), lambda: instance.move(sale_id, "publish"),
                           lambda: instance.move(sale_id, "pause")])
        assert [result.status for result in results][0] == 200, results
        assert instance.move(sale_id, "resume").status == 200
        rounds += 1
    assert check(instance, sale_id, initial=30)["gate_left"] == 30
    return f"{rounds} rounds"
