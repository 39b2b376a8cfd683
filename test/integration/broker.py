"""Durable delivery from outside: failover of the active broker, fencing of a frozen one, dead letters, delayed messages."""

import base64
import json
import signal
import time

from outside import auditor, facts
from outside.waiting import until
from faults import Load
from sales import check_books, orders_in_database

REJECTED, EXPIRED = 6, 5
REFUSALS = 6  # of an entry alone, until it is dead


def active_broker(instance):
    """(name, token) of the broker that PostgreSQL says is active."""
    ((holder, token),) = instance.sql("SELECT holder, token FROM lease WHERE name = 'broker'")
    return holder, int(token)


def two_brokers(make_instance):
    """An instance with two brokers, of which one is active and the other is ready."""
    one = make_instance().start()
    result = one.minishop("scale", "broker=2")
    assert result.returncode == 0, result.stderr.decode()
    until("two brokers are ready", 20, lambda: [actor["state"] for actor in one.actors("broker")] == ["ready"] * 2)
    return one


def commit_gap_ms(instance, sale_id, at_us, until_us):
    """Longest time between two orders written in this time of PostgreSQL's clock."""
    rows = instance.sql(f"SELECT DISTINCT committed_us FROM orders WHERE sale_id = {sale_id} AND committed_us BETWEEN {at_us} AND {until_us} ORDER BY 1")
    times = [at_us] + [int(us) for (us,) in rows] + [until_us]
    return max(later - earlier for earlier, later in zip(times, times[1:])) / 1000


def journal(instance, sale_id):
    """(epoch, entries in the journal, delivery counts by entry) of a sale's gate."""
    with instance.redis() as redis:
        epoch = int(redis("HGET", "{s%s}:g" % sale_id, "ep"))
        counts = redis("HGETALL", "{s%s}:%d:dc" % (sale_id, epoch))
        length = redis("XLEN", "{s%s}:%d:x" % (sale_id, epoch))
    return epoch, length, dict(zip(counts[::2], counts[1::2]))


def test_active_killed(make_instance):
    """kill -9 of the active one of two brokers, five times under load: orders are written on within 10 s, and none is lost or doubled."""
    one = two_brokers(make_instance)
    load = Load(one, seconds=60)
    gaps, leases = [], []
    for _ in range(5):
        holder, token = active_broker(one)
        at_us = time.time_ns() // 1000
        one.kill(holder)
        until("another term has begun", 30, lambda token=token: active_broker(one)[1] > token, 0.005)
        leases.append((time.time_ns() // 1000 - at_us) / 1000)
        rows = orders_in_database(one, load.sale_id)
        until("orders are written", 30, lambda rows=rows: orders_in_database(one, load.sale_id) > rows + 200)
        gaps.append(commit_gap_ms(one, load.sale_id, at_us, time.time_ns() // 1000))
        until("both brokers are ready", 20, lambda: [actor["state"] for actor in one.actors("broker")] == ["ready"] * 2)
    assert load.crowd.is_running(), "the sale ended before the faults did"
    load.end()
    assert max(gaps) < 10000, gaps
    load.check()
    return f"new term after {', '.join(f'{ms:.0f}' for ms in leases)} ms, longest time without an order {', '.join(f'{ms:.0f}' for ms in gaps)} ms (gate 1,000)"


def freeze_with_answers_to_come(instance, holder, sale_id):
    """Freezes a broker while deliveries of it are out, so that their answers wait for it; returns its pid."""
    instance.kill("ordering", signal.SIGSTOP)
    try:
        until("entries pile up", 20, lambda: journal(instance, sale_id)[1] > 100, 0.005)
        return instance.kill(holder, signal.SIGSTOP)
    finally:
        instance.kill("ordering", signal.SIGCONT)


def test_paused_active(make_instance):
    """The active broker is frozen beyond its lease: another one takes over; awake again, the frozen one is refused by the gates, and nothing is lost."""
    one = two_brokers(make_instance)
    load = Load(one, seconds=100)
    refused, rounds = 0, 0
    while not refused and rounds < 12:
        rounds += 1
        holder, token = active_broker(one)
        pid = freeze_with_answers_to_come(one, holder, load.sale_id)
        try:
            until("the lease has passed on", 30, lambda holder=holder: active_broker(one)[0] != holder)
            rows = orders_in_database(one, load.sale_id)
            until("the other broker delivers", 30, lambda rows=rows: orders_in_database(one, load.sale_id) > rows + 100)
        finally:
            if not one.is_replaced(holder, pid):
                one.kill(holder, signal.SIGCONT)
        assert active_broker(one)[1] > token
        until("both brokers are ready", 20, lambda: [actor["state"] for actor in one.actors("broker")] == ["ready"] * 2)
        rows = orders_in_database(one, load.sale_id)
        until("orders are written on", 30, lambda rows=rows: orders_in_database(one, load.sale_id) > rows + 200)
        time.sleep(1.1)  # the metrics' period
        refused = one.metric("minishop_broker_fenced_total")
    assert refused > 0, "no call of a frozen broker was ever refused"
    assert load.crowd.is_running(), "the sale ended before the faults did"
    load.end()
    load.check()
    return f"{refused:.0f} calls refused in {rounds} rounds"


PLANT = """
CREATE FUNCTION plant_poison () RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted poison'; END $$;
CREATE TRIGGER plant_poison BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.user_id = %d AND NEW.status = 2) EXECUTE FUNCTION plant_poison ()
"""


def user_of(token):
    claims = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


def dead_letters(instance, sale_id):
    """{order id as hex: (reason, attempts)}"""
    return {rid: (reason, int(attempts)) for rid, reason, attempts in instance.sql(
        f"SELECT encode (rid, 'hex'), reason, attempts FROM dead_letter WHERE sale_id = {sale_id}")}


def test_poison(make_instance):
    """An order that PostgreSQL refuses becomes a dead letter after 6 refusals, counted through a kill -9 of the broker, while 200 others go
    through; a recovery of Redis is not held up by it."""
    one = make_instance().start()
    tokens = one.token_list(202)
    sale_id = one.sale(300)
    one.sql(PLANT % user_of(tokens[0]))
    before_it = [one.buy(sale_id, token, "p") for token in tokens[1:86]]
    promises = [one.buy(sale_id, tokens[0], "p"), *before_it]  # six refusals take 1.5 s: not much may follow before they are looked for
    promises += [one.buy(sale_id, token, "p") for token in tokens[86:101]]

    def counted_twice():
        counts = journal(one, sale_id)[2]
        counted = next((int(value.split()[0]) for value in counts.values()), 0)
        return counted if counted >= 2 else 0
    before = until("the poison is counted twice", 60, counted_twice, 0.005)
    pid = one.kill("broker")
    until("the broker is replaced", 30, lambda: one.is_replaced("broker", pid))
    promises += [one.buy(sale_id, token, "p") for token in tokens[101:201]]
    assert all(promise.status == 201 for promise in promises)
    poison = promises[0].body["order_id"].replace("-", "")
    until("it is a dead letter", 60, lambda: poison in dead_letters(one, sale_id))
    assert dead_letters(one, sale_id) == {poison: ("poison", REFUSALS)}, dead_letters(one, sale_id)
    until("the journal is empty", 20, lambda: journal(one, sale_id)[1:] == (0, {}))
    until("200 orders", 20, lambda: orders_in_database(one, sale_id) == 201)
    ((status,),) = one.sql(f"SELECT status FROM orders WHERE rid = decode ('{poison}', 'hex')")
    assert int(status) == REJECTED
    until("the metric tells", 20, lambda: one.metric("minishop_dead_letters_total") == 1, 0.2)
    after = one.metric("minishop_delivery_failures_counted_total")
    assert after <= REFUSALS - before, (before, after)  # of the second broker alone

    pid = one.kill("redis")
    until("redis is replaced", 30, lambda: one.is_replaced("redis", pid))
    until("the sale is open again", 30, lambda: one.buy(sale_id, tokens[201], "p").status == 201, 0.05)
    confirmed = [facts.Confirmed(user_of(token), "p", promise.body["order_id"], 1, promise.body["sequence"])
                 for token, promise in zip(tokens, promises)]

    def balances():
        return not auditor.violations(auditor.read(one, sale_id, confirmed))
    until("the books balance, with the planted one as a dead letter", 30, balances, 0.2)
    return f"{before} refusals counted before the kill, {after:.0f} after"


def test_unreadable_entry(make_instance):
    """An entry that is not of the gate's shape becomes a dead letter at once, and holds up nobody."""
    one = make_instance().start()
    tokens = one.token_list(20)
    sale_id = one.sale(30)
    with one.redis() as redis:
        redis("XADD", "{s%s}:1:x" % sale_id, "*", "rubbish", "1")
    assert all(one.buy(sale_id, token, "u").status == 201 for token in tokens)
    until("20 orders", 20, lambda: orders_in_database(one, sale_id) == 20)
    until("it is a dead letter", 20, lambda: dead_letters(one, sale_id) == {"0" * 32: ("unreadable", 0)})
    until("the journal is empty", 20, lambda: journal(one, sale_id)[1] == 0)
    check_books(one, sale_id, [])


def test_delayed_message(make_instance):
    """Orders that nobody pays expire by the broker's delayed messages, their units are for sale again, and no message stays behind."""
    one = make_instance().start()
    tokens = one.token_list(21)
    sale_id = one.sale(20, pay_within_s=2)
    assert all(one.buy(sale_id, token, "d").status == 201 for token in tokens[:20])
    with one.redis() as redis:
        until("messages are kept", 20, lambda: one.metric("minishop_delayed_messages_kept_total") > 0, 0.1)
        until("all have expired", 60, lambda: int(one.sql(
            f"SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = {EXPIRED}")[0][0]) == 20, 0.1)
        until("none is left", 20, lambda: redis("ZCARD", "{s%s}:due" % sale_id) == 0)
    until("the metric tells", 20, lambda: one.metric("minishop_delayed_messages_due_total") > 0, 0.2)
    until("a unit is for sale again", 30, lambda: one.buy(sale_id, tokens[20], "d").status == 201, 0.1)
    ((late,),) = one.sql(f"SELECT max (changed_us - pay_before_us) FROM orders WHERE sale_id = {sale_id} AND status = {EXPIRED}")
    return f"the last expired {int(late) / 1000:.0f} ms after its time; kept {one.metric('minishop_delayed_messages_kept_total'):.0f}"
