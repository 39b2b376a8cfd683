"""The main job and what belongs to it: a crowd, a sale, exactly the stock, one order each."""

import time

from outside import auditor, crowd, processes
from outside.instance import ask
from outside.waiting import now_us, until

SHOPPERS = 20000
STOCK = 1000


def orders_in_database(instance, sale_id):
    return int(instance.sql(f"SELECT count(*) FROM orders WHERE sale_id = {sale_id}")[0][0])


def check_books(instance, sale_id, confirmed, promises=(), initial=None, prices=None):
    """The system's audit and our own auditor, both at rest."""
    moving = auditor.wait_for_rest(instance, sale_id)
    books = instance.audit_at_rest(sale_id)
    assert all(books[name] == 0 for name in ("oversold", "lost", "duplicated", "leaked", "in_flight")) and books["balanced"], (books, moving)
    found = auditor.violations(auditor.read(instance, sale_id, confirmed, promises, initial, prices))
    assert not found, "\n    ".join(found)
    return books


def codes_of(summary):
    return {name: count for name, count in summary["answers_by"].items() if count}


def test_main_job(instance):
    """20,000 shoppers, 1,000 units: exactly 1,000 orders, one per shopper; retries learn the same; all in PostgreSQL at once."""
    tokens = instance.tokens(SHOPPERS)
    ids = crowd.user_ids(tokens)
    sale_id = instance.sale(STOCK)
    summary, rows = crowd.run(instance.port, sale_id, tokens, log=True, connections=256, retry_per_mille=300, new_key_per_mille=100)
    ended_us = now_us()
    assert set(codes_of(summary)) <= {"201 none", "409 sold_out", "409 already_purchased"}, summary
    won = {row.user: row.order_id for row in rows if row.status == 201}
    assert len(won) == STOCK == summary["orders"] and summary["second_orders"] == summary["shared_ids"] == 0, summary
    for row in rows:
        assert row.code != "already_purchased" or row.order_id == won[row.user], row
    until(f"{STOCK} orders in PostgreSQL", 20, lambda: orders_in_database(instance, sale_id) == STOCK)
    persisted_ms = (now_us() - ended_us) // 1000
    confirmed = auditor.confirmed_of(rows, ids)
    _, again = crowd.run(instance.port, sale_id, tokens, log=True, connections=256)
    of_key = {(row.user, row.key): row.order_id for row in rows if row.status == 201}
    for row in again:
        if (row.user, row.key) in of_key:
            assert (row.status, row.order_id) == (201, of_key[row.user, row.key]), f"a retry after sold-out got another answer: {row}"
        elif row.user in won:  # under a later key, which came first
            assert (row.code, row.order_id) == ("already_purchased", won[row.user]), row
        else:
            assert row.code == "sold_out", row
    check_books(instance, sale_id, confirmed + auditor.confirmed_of(again, ids))
    return f"{summary['per_s']:.0f} answers/s, p99 {summary['latency_ms']['p99']:.1f} ms, in PostgreSQL {persisted_ms} ms later; oversold 0"


def test_two_sales_of_one_product(instance):
    """The same product in two sales at a time: each has its own stock and its own order per shopper, of up to the limit's units."""
    tokens = instance.tokens(3000)
    ids = crowd.user_ids(tokens)
    sales = [instance.sale(500, product_id="one-product", per_user_limit=3) for _ in range(2)]
    crowds = [crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=64, quantity="1-3", key=f"two-{sale_id}") for sale_id in sales]
    summaries = [one.wait() for one in crowds]
    for sale_id, one, summary in zip(sales, crowds, summaries):
        rows = list(one.rows())
        books = check_books(instance, sale_id, auditor.confirmed_of(rows, ids))
        assert set(codes_of(summary)) <= {"201 none", "409 sold_out"}, summary
        assert books["gate_left"] == 0 and books["pending_payment"] == 500, books  # one-unit shoppers came to the end, too
    return f"{summaries[0]['orders']} and {summaries[1]['orders']} orders of 500 units"


def test_quantity_beyond_the_limit(instance):
    """A quantity over the sale's limit takes nothing; the limit itself is sold in one order."""
    token = instance.token_list(1)[0]
    sale_id = instance.sale(10, per_user_limit=5)
    refused = instance.buy(sale_id, token, "q-1", quantity=6)
    assert (refused.status, refused.body["code"]) == (409, "limit_exceeded"), refused
    taken = instance.buy(sale_id, token, "q-1", quantity=5)
    assert taken.status == 201 and taken.body["quantity"] == 5 and taken.body["total_cents"] == 5 * taken.body["price_cents"], taken
    assert instance.audit_at_rest(sale_id)["pending_payment"] == 5


def test_scheduled_sale(instance):
    """A sale opens and closes by the gate's clock, to the microsecond, while a crowd tries all the time."""
    tokens = instance.tokens(20000)
    ids = crowd.user_ids(tokens)
    sale_id = instance.sale(20000, opens_in_s=3, lasts_s=5)
    summary, rows = crowd.run(instance.port, sale_id, tokens, log=True, connections=64, rate=2000, client_retries=3)
    codes = {code for code, count in summary["final_by"].items() if count}
    assert codes == {"201 none", "425 sale_not_started", "410 sale_ended"}, codes
    confirmed = auditor.confirmed_of(rows, ids)
    check_books(instance, sale_id, confirmed)
    ((first, last),) = instance.sql("SELECT min (reserved_us) - max (starts_at_ms) * 1000, max (ends_at_ms) * 1000 - max (reserved_us)"
                                    f" FROM orders JOIN sale USING (sale_id) WHERE sale_id = {sale_id}")
    answered_us = sorted(row.at_us for row in rows)
    slack_us = 500000 + max(later - earlier for earlier, later in zip(answered_us, answered_us[1:]))  # while nothing at all was answered
    assert 0 <= int(first) < slack_us and 0 < int(last) < slack_us, (first, last, slack_us)
    return f"first order {int(first) / 1000:.2f} ms after the opening, last {int(last) / 1000:.2f} ms before the end"


def test_replay_in_every_state(instance):
    """The same key gives the same answer at every edge and through nginx, paused and ended too; another request under it is a mismatch."""
    token, other = instance.token_list(2)
    sale_id = instance.sale(2, per_user_limit=2)
    first = instance.buy(sale_id, token, "replay")
    assert first.status == 201 and first.headers["Location"].endswith(first.body["order_id"]), first
    ports = [instance.port, *instance.edge_ports()]

    def replays():
        for port in ports:
            again = instance.buy(sale_id, token, "replay", port=port)
            assert again.status == 201 and again.body == first.body, (port, first.body, again)
            known = instance.call("GET", f"/sales/{sale_id}/purchases/replay", token=token, port=port)
            assert known.status == 200 and known.body["order_id"] == first.body["order_id"], known
    replays()
    assert instance.buy(sale_id, other, "o-1").status == 201
    assert instance.buy(sale_id, other, "o-2").body["code"] == "already_purchased"  # before sold_out
    replays()
    for verb, status in (("pause", 423), ("end", 410)):
        assert instance.move(sale_id, verb).status == 200
        assert instance.buy(sale_id, instance.token_list(1)[0], "new").status == status
        replays()
    mismatch = instance.buy(sale_id, token, "replay", quantity=2)
    assert (mismatch.status, mismatch.body["code"]) == (409, "idempotency_mismatch"), mismatch
    assert instance.call("GET", f"/sales/{sale_id}/purchases/never", token=token).status == 404


def test_restarted_edge_knows_every_sale(make_instance):
    """An edge that is killed and is ready again knows every sale at once, though there are more than one message brings: no 404."""
    with make_instance() as one:
        sales = [one.sale(20, title=f"one of many {number}") for number in range(70)]
        tokens = one.token_list(6)
        edge = one.actors("edge")[-1]
        port = int(edge["endpoint"].rsplit(":", 1)[1])  # its successor has it, too
        ready_ms = []
        for number, token in enumerate(tokens):
            pid = one.kill(edge["id"])
            begin = time.monotonic()
            until("it is dead", 5, lambda: not processes.is_alive(pid), 0.001)
            until("its successor is ready", 20, lambda: ask(port, "GET", "/readyz").status == 200, 0.001)
            ready_ms.append(f"{1000 * (time.monotonic() - begin):.0f}")
            for sale_id in reversed(sales):
                assert one.call("GET", f"/sales/{sale_id}", port=port).status == 200, (number, sale_id)
            for sale_id in (sales[-1], sales[0]):
                assert one.buy(sale_id, token, "many", port=port).status == 201, (number, sale_id)
        return f"ready {', '.join(ready_ms)} ms after the kill; the supervisor waits longer each time"


def test_orders_are_their_owners(instance):
    """An order is in its owner's list and nobody else's; operators see it."""
    token, stranger = instance.token_list(2)
    sale_id = instance.sale(5)
    order_id = instance.buy(sale_id, token, "own").body["order_id"]

    def is_listed():
        listed = instance.call("GET", "/orders", token=token).body["orders"]
        return [order["order_id"] for order in listed] == [order_id] and listed[0]["status"] == "pending_payment"
    until("the order is in its owner's list", 20, is_listed)
    assert instance.call("GET", f"/orders/{order_id}", token=token).body["status"] == "pending_payment"
    assert instance.call("GET", f"/orders/{order_id}", token=stranger).status == 404
    assert instance.call("GET", "/orders", token=stranger).body["orders"] == []
    assert instance.as_operator("GET", f"/admin/orders/{order_id}").status == 200


def test_lists_end(instance):
    """A list of exactly one page says that it is the last; one more order makes a second page, and no order is on both or on none."""
    token = instance.token_list(1)[0]
    bought = []

    def page(cursor=""):
        answer = instance.call("GET", f"/orders{cursor}", token=token)
        assert answer.status == 200, answer
        return [order["order_id"] for order in answer.body["orders"]], answer.body["next_cursor"]
    for count, lengths in ((20, [20]), (1, [20, 1])):
        bought += [instance.buy(instance.sale(1), token, "page").body["order_id"] for _ in range(count)]
        until("all orders are listed", 20, lambda: len(page()[0]) == min(20, len(bought)) and bought[-1] in page()[0])
        listed, cursor = page()
        pages = [listed]
        while cursor is not None:
            listed, cursor = page(f"?cursor={cursor}")
            pages.append(listed)
        assert [len(listed) for listed in pages] == lengths, pages
        assert sorted(sum(pages, [])) == sorted(bought)


def test_cached_answers_are_young(instance):
    """What anonymous clients get of a sale is never older than the second that max-age says, and a sale's opening is seen in it."""
    sale_id = instance.sale(1, opens_in_s=1.5)
    opens_at_ms = instance.call("GET", f"/sales/{sale_id}").body["starts_at_ms"]
    ages_ms, cached, late_ms, is_live = [], 0, 0, False
    asked_ms = instance.now_ms()  # before each question: the age of an answer is not that of the test
    while asked_ms < opens_at_ms + 2500 or not is_live:
        answer = instance.call("GET", f"/sales/{sale_id}")
        assert answer.status == 200 and answer.headers["Cache-Control"] == "public, max-age=1", answer
        ages_ms.append(asked_ms - answer.body["now_ms"])
        cached += ages_ms[-1] > 50
        is_live = answer.body["state"] == "live"
        if not is_live:
            late_ms = max(late_ms, asked_ms - opens_at_ms)
            assert late_ms < 1100, late_ms
        asked_ms = instance.now_ms()
    assert cached > 10, "nothing was cached"
    assert max(ages_ms) < 1100, max(ages_ms)
    return f"{len(ages_ms)} answers, the oldest of {max(ages_ms)} ms; not seen as open until {late_ms} ms after"


def test_metrics_are_not_public(instance):
    """The public port has no metrics, and no page in their place."""
    for path in ("/metrics", "/metrics?x=1"):
        answer = ask(instance.port, "GET", path)
        assert answer.status == 404 and answer.body["code"] == "not_found", (path, answer)


def test_pages_are_read_only(instance):
    """A write to a page is refused as the API refuses: a problem as such, with what is allowed."""
    for method, path in (("POST", "/"), ("PUT", "/index.html"), ("DELETE", "/nothing.html"), ("PATCH", "/app.js")):
        answer = ask(instance.port, method, path, b"{}")
        assert (answer.status, answer.body["code"]) == (405, "method_not_allowed"), (method, path, answer)
        assert (answer.headers["Content-Type"], answer.headers["Allow"]) == ("application/problem+json", "GET, HEAD"), (method, path, answer.headers)
