"""Dependencies that are slow or away: what is refused, how fast, and how soon all is well again."""

import collections
import os
import signal
import threading
import time

from outside import auditor, crowd, lifecycle, processes
from outside.waiting import now_us, until
from sales import check_books, codes_of, orders_in_database

RATE_MAX_PER_S = 2000        # offered, or half of what the machine can do just now: more than ten times what the slow gate can
CALM_S = 2                   # before the gate becomes slow
SLOW_S = 6                   # how long the gate is slow
RUNS_S, STANDS_S = 0.008, 0.7  # of the gate's time while it is slow: a ninetieth of what it can do
GATE_S = 5                   # all is well again within this; asserted is twice as much, for machines with other work
QUICK_US = 100000            # an answer is slow beyond this, or beyond twice the slowest of the calm seconds, if those were slower
BAD_SHARE = 0.01             # a second is bad if more of its answers are failures or slow
PATIENCE_S = 1.5             # a refusal for a dependency that is known to be away comes within this


class SlowRedis(threading.Thread):
    """Lets Redis work only a ninetieth of the time, by SIGSTOP and SIGCONT: for the system it is a gate that became slow."""

    def __init__(self, instance):
        super().__init__()
        self.pid = instance.pid_of("redis")
        self.ends = threading.Event()
        self.start()

    def run(self):
        while not self.ends.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.ends.wait(STANDS_S)
            os.kill(self.pid, signal.SIGCONT)
            self.ends.wait(RUNS_S)

    def stop(self):
        self.ends.set()
        self.join()


def _calm_after_s(rows, at_us, slow_us):
    """From `at_us` to the end of the last bad second after it, in whole seconds."""
    good, bad = collections.Counter(), collections.Counter()
    for row in rows:
        if row.at_us >= at_us:
            (bad if row.status != 201 or row.latency_us > slow_us else good)[(row.at_us - at_us) // 1000000] += 1
    return max((second + 1 for second, count in bad.items() if count > BAD_SHARE * (count + good[second])), default=0)


def _rate_per_s(instance):
    """Half of what accepted purchases there can be in a second of this machine as it is now."""
    tokens = instance.tokens(8000)
    summary, _ = crowd.run(instance.port, instance.sale(1000000), tokens, connections=64, seconds=1)
    return min(RATE_MAX_PER_S, int(summary["per_s"] / 2))


def test_gate_becomes_slow_and_fast_again(instance):
    """A gate that can do a fraction of what is asked: most are refused with 503, and 5 s after it is fast again all is well."""
    rate_per_s = _rate_per_s(instance)
    tokens = instance.tokens(int(rate_per_s * (SLOW_S + 14)))
    sale_id = instance.sale(1000000)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=400, rate=rate_per_s, timeout_ms=10000)
    until("the sale is under way", 20, lambda: orders_in_database(instance, sale_id) > 0)
    time.sleep(CALM_S)
    slow_us = now_us()
    slow = SlowRedis(instance)
    time.sleep(SLOW_S)
    slow.stop()
    fast_us = now_us()
    summary = one.wait()
    rows = list(one.rows())
    slowest_us = max(row.latency_us for row in rows if slow_us - CALM_S * 1000000 <= row.at_us < slow_us)
    limit_us = max(QUICK_US, 2 * slowest_us)
    calm_s = _calm_after_s(rows, fast_us, limit_us)
    during = [row for row in rows if slow_us <= row.at_us <= fast_us]
    served = sum(1 for row in during if row.status == 201) / SLOW_S
    assert rate_per_s >= 10 * served, f"{served:.0f}/s served while slow: that is no overload of ten times"
    assert set(row.status for row in rows) <= {201, 503, 429}, codes_of(summary)
    assert calm_s <= 2 * GATE_S, f"{calm_s} s until answers were good and took less than {limit_us / 1000:.0f} ms"
    assert max(row.at_us for row in rows) - fast_us > calm_s * 1000000, "the crowd ended before calm was shown"
    check_books(instance, sale_id, auditor.confirmed_of(rows, crowd.user_ids(tokens)))
    return (f"{rate_per_s}/s offered, {served:.0f}/s served while slow ({rate_per_s / max(served, 1):.0f}x); "
            f"answers good and within {limit_us / 1000:.0f} ms {calm_s} s after (gate {GATE_S})")


def _timed(call):
    begin = time.monotonic()
    answer = call()
    return answer, time.monotonic() - begin


def _is_quick_503(answer, seconds):
    return answer.status == 503 and answer.headers["Retry-After"] and seconds < PATIENCE_S


def test_redis_away(instance):
    """Redis stands still: purchases become quick 503s with Retry-After, pages are served from the last snapshot, and it ends with the cause."""
    sale_id = instance.sale(100)
    token = instance.token_list(1)[0]
    tokens = instance.tokens(4000)
    pid = instance.kill("redis", signal.SIGSTOP)
    crowd_of_all = crowd.Crowd(instance.port, sale_id, tokens, connections=64, seconds=8, rate=300)
    try:
        until("purchases are refused quickly", 10,
              lambda: _is_quick_503(*_timed(lambda: instance.buy(sale_id, token, "away"))), 0.1)
        assert instance.call("GET", f"/sales/{sale_id}").status == 200
        assert instance.call("GET", "/time").status == 200
        until("a breaker says that it is open", 10, lambda: 2 in instance.metrics().get("minishop_breaker_state", {}).values(), 0.2)
    finally:
        os.kill(pid, signal.SIGCONT)
    until("the same key is served", 30, lambda: instance.buy(sale_id, token, "away").status in (201, 409), 0.05)
    summary = crowd_of_all.wait()
    return str(codes_of(summary))


def test_postgres_away(instance):
    """PostgreSQL stands still: sales go on, what needs it is refused within its deadline, later at once; orders arrive when it is back."""
    sale_id = instance.sale(1000)
    tokens = instance.token_list(60)
    pids = processes.tree(instance.pid_of("postgres"))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for number, token in enumerate(tokens[:50]):
            answer = instance.buy(sale_id, token, f"k{number}")
            assert answer.status == 201, answer
        until("orders are refused quickly", 40, lambda: _is_quick_503(*_timed(lambda: instance.call("GET", "/orders", token=tokens[0]))), 0.1)
        assert instance.buy(sale_id, tokens[55], "still").status == 201
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    until("the orders are there", 60, lambda: orders_in_database(instance, sale_id) == 51, 0.1)
    until("operators are served", 30, lambda: instance.as_operator("GET", f"/admin/sales/{sale_id}/audit").status == 200, 0.1)
    until("orders can be read", 30, lambda: instance.call("GET", "/orders", token=tokens[0]).status == 200, 0.1)
    assert instance.audit_at_rest(sale_id)["balanced"]


SLOW_BOOKS = """
    ALTER FUNCTION sale_books RENAME TO sale_books_quick; SET ROLE minishop_owner;
    CREATE FUNCTION sale_books (a bigint[], b bytea[], c bigint[], d bigint[], e bigint[], f bigint[], g text[])
    RETURNS TABLE (sale_id bigint, stock_total bigint, sold bigint, pending_payment bigint, paid bigint, returned bigint, "returning" bigint,
                   duplicated bigint, lost_with_disk bigint, active_count bigint, moving bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ BEGIN PERFORM pg_sleep (2.5); RETURN QUERY SELECT * FROM sale_books_quick (a, b, c, d, e, f, g); END $$;
    GRANT EXECUTE ON FUNCTION sale_books TO minishop_inventory"""
QUICK_BOOKS = "DROP FUNCTION sale_books; ALTER FUNCTION sale_books_quick RENAME TO sale_books"


def test_audit_of_a_large_sale_holds_nothing_up(instance):
    """While a sale is audited whose books take 2.5 s, as of a million orders, cancelled units are back within 2 s and the lease is renewed."""
    sale_id = instance.sale(2)
    slowest_s = 0.0
    instance.sql(SLOW_BOOKS)
    try:
        for token in instance.token_list(6):
            order_id = lifecycle.bought(instance, sale_id, token)[1]["order_id"]
            audit = threading.Thread(target=instance.as_operator, args=("GET", f"/admin/sales/{sale_id}/audit"))
            audit.start()
            until("the audit is with PostgreSQL", 10, lambda: instance.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
            began = time.monotonic()
            assert lifecycle.cancel(instance, order_id, token).status == 200
            until("its unit is back", 20, lambda: instance.sql(f"SELECT count(*) FROM release_box WHERE sale_id = {sale_id}") == [["0"]])
            slowest_s = max(slowest_s, time.monotonic() - began)
            audit.join()
    finally:
        instance.sql(QUICK_BOOKS)
    assert slowest_s < 2, slowest_s
    return f"slowest return {slowest_s:.2f} s"
