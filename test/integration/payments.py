"""Payments: every way through the contract, and what a provider does late, twice or never. `Provider` signs as the real one does."""

import concurrent.futures
import pathlib
import signal
import time

from outside import auditor, crowd
from outside.lifecycle import Provider, bought, cancel, new_key, order, pay, status_of, until_payment, until_status
from outside.waiting import until
from sales import check_books, codes_of

GATE_S = 10  # ten times what a payment of the test method takes at most


def payments_of(instance, order_id, token):
    return {payment["payment_id"]: payment["status"] for payment in order(instance, order_id, token).body["payments"]}


def check_money(instance, sale_id):
    """Books and money of a small sale, without clients' logs."""
    moving = auditor.wait_for_rest(instance, sale_id)
    assert not moving, moving
    return check_books(instance, sale_id, [])


def at_once(calls):
    """Results of functions that are called at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def all_ports(instance):
    return [instance.port, *instance.edge_ports()]


def hanging(instance, sale_id, token=None, quantity=None):
    """(token, order, payment_id): a payment of which only this test will be heard."""
    token, body = bought(instance, sale_id, token, quantity)
    answer = pay(instance, body["order_id"], token, new_key("pay"), "hang")
    assert (answer.status, answer.body["status"]) == (201, "pending"), answer
    return token, body, answer.body["payment_id"]


def test_pay(instance):
    """An order that is paid is captured once, is paid for good, and cannot be paid again."""
    sale_id = instance.sale(5, per_user_limit=2)
    token, body = bought(instance, sale_id, quantity=2)
    begin = time.monotonic()
    first = pay(instance, body["order_id"], token, "one")
    assert (first.status, first.body["status"]) == (201, "pending"), first
    paid = until_status(instance, body["order_id"], token, "paid", GATE_S)
    seconds = time.monotonic() - begin
    assert paid.body["payments"] == [{"payment_id": first.body["payment_id"], "status": "captured"}], paid
    for port in all_ports(instance):
        again = pay(instance, body["order_id"], token, "one", port=port)
        assert (again.status, again.body["payment_id"]) == (201, first.body["payment_id"]), again
        second = pay(instance, body["order_id"], token, "two", port=port)
        assert (second.status, second.body["code"]) == (409, "invalid_state"), second
    books = check_money(instance, sale_id)
    assert (books["paid"], books["pending_payment"], books["gate_left"]) == (2, 0, 3), books
    return f"paid after {seconds * 1000:.0f} ms"


def test_declined_then_paid(instance):
    """A declined payment leaves the order payable; another key pays it."""
    sale_id = instance.sale(5)
    token, body = bought(instance, sale_id)
    first = pay(instance, body["order_id"], token, "one", "decline").body["payment_id"]
    declined = until_payment(instance, body["order_id"], token, first, "declined", GATE_S)
    assert declined.body["status"] == "pending_payment", declined
    again = pay(instance, body["order_id"], token, "one", "decline")
    assert (again.status, again.body) == (201, {"payment_id": first, "status": "declined"}), again
    second = pay(instance, body["order_id"], token, "two", "succeed").body["payment_id"]
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    assert payments_of(instance, body["order_id"], token) == {first: "declined", second: "captured"}
    check_money(instance, sale_id)


def test_same_key_eight_times_at_once(instance):
    """One key is one payment, from whichever edge and however often; another request under it is a mismatch."""
    sale_id = instance.sale(5)
    token, body = bought(instance, sale_id)
    ports = all_ports(instance)
    answers = at_once([lambda port=ports[number % len(ports)]: pay(instance, body["order_id"], token, "same", "hang", port) for number in range(8)])
    assert {answer.status for answer in answers} == {201} and len({answer.body["payment_id"] for answer in answers}) == 1, answers
    mismatch = pay(instance, body["order_id"], token, "same", "succeed")
    assert (mismatch.status, mismatch.body["code"]) == (409, "idempotency_mismatch"), mismatch
    assert list(payments_of(instance, body["order_id"], token).values()) == ["pending"]
    assert status_of(instance, body["order_id"], token) == "pending_payment"


def test_two_payments_captured(instance):
    """Two payments of one order are captured: the order is paid by the first, the second is given back once."""
    sale_id = instance.sale(5)
    token, body, first = hanging(instance, sale_id)
    second = pay(instance, body["order_id"], token, "other", "hang").body["payment_id"]
    provider = Provider(instance)
    provider.tell(Provider.event(first, body))
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    late = Provider.event(second, body)
    for _ in range(3):
        provider.tell(late)
    until_payment(instance, body["order_id"], token, second, "refunded", GATE_S)
    assert payments_of(instance, body["order_id"], token) == {first: "captured", second: "refunded"}
    assert status_of(instance, body["order_id"], token) == "paid"
    check_money(instance, sale_id)


def test_webhook_twice(instance):
    """An event that comes eight times at once, and another event of the same capture, are one capture."""
    sale_id = instance.sale(5)
    token, body, payment_id = hanging(instance, sale_id)
    provider, ports = Provider(instance), all_ports(instance)
    event = Provider.event(payment_id, body)
    answers = at_once([lambda port=ports[number % len(ports)]: provider.post(event, port=port) for number in range(8)])
    assert {answer.status for answer in answers} == {200}, answers
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    assert provider.post(Provider.event(payment_id, body)).status == 200
    assert payments_of(instance, body["order_id"], token) == {payment_id: "captured"}
    ((count,),) = instance.sql(f"SELECT count(*) FROM payment_event WHERE event_id = '{event['event_id']}'")
    assert count == "1"
    check_money(instance, sale_id)


def test_webhook_signature(instance):
    """Only what is signed with the instance's key, and within 300 s, is heard; anything else is 401 and changes nothing."""
    sale_id = instance.sale(5)
    token, body, payment_id = hanging(instance, sale_id)
    provider, now_s = Provider(instance), int(time.time())
    event = Provider.event(payment_id, body)
    other = provider.sign(b'{"event_id":"another body"}')
    good = provider.sign(b"")
    bad = [{"secret": "not the secret"}, {"at_s": now_s - 310}, {"at_s": now_s + 310}, {"signature": other}, {"signature": "t=1"},
           {"signature": good + "0"}, {"signature": "v1=" + "0" * 64}, {"signature": f"t={now_s},v1="}, {"signature": "t=,v1=" + "f" * 64}]
    for case in bad:
        for port in all_ports(instance):
            answer = provider.post(event, port=port, **case)
            assert (answer.status, answer.body["code"]) == (401, "unauthenticated"), (case, answer)
    unsigned = instance.call("POST", "/payments/webhook", event, instance.operator)
    assert unsigned.status == 401, unsigned
    assert payments_of(instance, body["order_id"], token) == {payment_id: "pending"}
    assert provider.post(event, at_s=now_s - 200).status == 200
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    check_money(instance, sale_id)


def test_webhook_that_fits_nothing(instance):
    """An event of a payment that is not there comes again (503); one of another order or amount is refused and changes nothing."""
    sale_id = instance.sale(5)
    token, body, payment_id = hanging(instance, sale_id)
    _, other = bought(instance, sale_id)
    provider = Provider(instance)
    unknown = Provider.event("0123456789abcdef" * 2, body)
    for _ in range(2):
        answer = provider.post(unknown)
        assert answer.status == 503 and "Retry-After" in answer.headers and answer.body["retryable"], answer
    for event in (Provider.event(payment_id, other), Provider.event(payment_id, body, amount_cents=body["total_cents"] - 1)):
        answer = provider.post(event)
        assert (answer.status, answer.body["code"]) == (400, "invalid_field"), (event, answer)
        assert "order_id" in answer.body["detail"] and "amount_cents" in answer.body["detail"], answer
    for change in ({"outcome": "stolen"}, {"payment_id": "x"}, {"order_id": "x"}, {"event_id": ""}, {"amount_cents": "1"}, {"amount_cents": -1},
                   {"extra": 1}):
        answer = provider.post({**Provider.event(payment_id, body), **change})
        assert (answer.status, answer.body["code"]) == (400, "invalid_field"), (change, answer)
    assert payments_of(instance, body["order_id"], token) == {payment_id: "pending"}
    check_money(instance, sale_id)


def test_payment_refusals(instance):
    """Nobody pays an order of others, without a key, or with what the contract does not have."""
    sale_id = instance.sale(5)
    token, body = bought(instance, sale_id)
    stranger = instance.token_list(1)[0]
    path = f"/orders/{body['order_id']}/payments"
    missing = "00000000-0000-8000-8000-000000000000"
    cases = [((path, {"method": "test"}, stranger, {"Idempotency-Key": "x"}), 404, "not_found"),
             ((f"/orders/{missing}/payments", {"method": "test"}, token, {"Idempotency-Key": "x"}), 404, "not_found"),
             ((path, {"method": "test"}, None, {"Idempotency-Key": "x"}), 401, "unauthenticated"),
             ((path, {"method": "test"}, token, {}), 400, "missing_idempotency_key"),
             ((path, {"method": "test"}, token, {"Idempotency-Key": "x y"}), 400, "invalid_field"),
             ((path, {}, token, {"Idempotency-Key": "x"}), 400, "invalid_field"),
             ((path, {"method": "card"}, token, {"Idempotency-Key": "x"}), 400, "invalid_field"),
             ((path, {"method": "test", "outcome": "steal"}, token, {"Idempotency-Key": "x"}), 400, "invalid_field"),
             ((path, {"method": "test", "amount_cents": 1}, token, {"Idempotency-Key": "x"}), 400, "invalid_field")]
    for (where, what, who, headers), status, code in cases:
        answer = instance.call("POST", where, what, who, headers)
        assert (answer.status, answer.body["code"]) == (status, code), (where, what, answer)
    assert payments_of(instance, body["order_id"], token) == {}


def stopped(instance, name):
    """Freezes an actor. Returns the function that wakes it, unless it was replaced meanwhile."""
    pid = instance.kill(name, signal.SIGSTOP)

    def wake():
        if not instance.is_replaced(name, pid):
            instance.kill(name, signal.SIGCONT)
    return wake


def test_pay_while_reserved(instance):
    """An order whose row has not come yet is not refused: paying waits or is told `busy`, and the same key pays it once the row is there."""
    sale_id = instance.sale(5)
    token = instance.token_list(1)[0]
    wake = stopped(instance, "broker")
    try:
        body = bought(instance, sale_id, token, row=False)[1]
        known = order(instance, body["order_id"], token)
        assert known.status == 200 and known.body["status"] == "reserved", known
        early = pay(instance, body["order_id"], token, "early")
        assert early.status == 201 or (early.status, early.body["code"]) == (503, "busy") and "Retry-After" in early.headers, early
    finally:
        wake()
    until("the order can be paid", GATE_S, lambda: pay(instance, body["order_id"], token, "early").status == 201, 0.1)
    answer = pay(instance, body["order_id"], token, "early")
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    assert payments_of(instance, body["order_id"], token) == {answer.body["payment_id"]: "captured"}
    check_money(instance, sale_id)
    return f"while reserved: {early.status}"


def test_captured_after_expiry(instance):
    """Money that is captured when the time was over goes back, once; the order stays expired. A payment begun then is refused."""
    sale_id = instance.sale(5, pay_within_s=5)  # long enough to begin a payment in
    token, body, payment_id = hanging(instance, sale_id)
    until_status(instance, body["order_id"], token, "expired", 20)
    late = pay(instance, body["order_id"], token, "too-late")
    assert (late.status, late.body["code"]) == (409, "invalid_state"), late
    provider, event = Provider(instance), Provider.event(payment_id, body)
    at_once([lambda: provider.post(event) for _ in range(4)])
    until_payment(instance, body["order_id"], token, payment_id, "refunded", GATE_S)
    provider.tell(event)
    assert status_of(instance, body["order_id"], token) == "expired"
    books = check_money(instance, sale_id)
    assert (books["paid"], books["gate_left"], books["cancelled_returned"]) == (0, 5, 1), books


def test_captured_after_cancel(instance):
    """Money that is captured after a cancel goes back, although the provider is killed in between."""
    sale_id = instance.sale(5)
    token, body, payment_id = hanging(instance, sale_id)
    assert cancel(instance, body["order_id"], token).status == 200
    pid = instance.kill("provider")
    Provider(instance).tell(Provider.event(payment_id, body))
    until("provider is replaced", 30, lambda: instance.is_replaced("provider", pid))
    until_payment(instance, body["order_id"], token, payment_id, "refunded", 60)
    assert status_of(instance, body["order_id"], token) == "cancelled"
    check_money(instance, sale_id)


def test_events_out_of_order(instance):
    """A decline after the capture takes nothing back; a refund of all the money ends the order, and its units are on sale again."""
    sale_id = instance.sale(5)
    token, body, payment_id = hanging(instance, sale_id)
    provider = Provider(instance)
    provider.tell(Provider.event(payment_id, body))
    provider.tell(Provider.event(payment_id, body, "declined"))
    assert status_of(instance, body["order_id"], token) == "paid"
    assert payments_of(instance, body["order_id"], token) == {payment_id: "captured"}
    provider.tell(Provider.event(payment_id, body, "refunded"))
    until_status(instance, body["order_id"], token, "refunded", GATE_S)
    assert payments_of(instance, body["order_id"], token) == {payment_id: "refunded"}
    until("the unit is on sale again", GATE_S, lambda: instance.audit(sale_id)["gate_left"] == 5, 0.05)
    check_money(instance, sale_id)


def crowd_that_pays(instance, seconds=6, rate=400, stock=None, **options):
    """A crowd with every habit; returns (summary, sale_id) with its books checked."""
    shoppers = seconds * rate
    tokens = instance.tokens(shoppers)
    stock = stock or shoppers // 2
    sale_id = instance.sale(stock, per_user_limit=2, **options)
    one = crowd.Crowd(instance.port, sale_id, tokens, log=True, connections=96, rate=rate, quantity="1-2", client_retries=6,
                      retry_per_mille=100, new_key_per_mille=300, pay_per_mille=450, cancel_per_mille=150, pay_and_cancel_per_mille=150,
                      decline_per_mille=100, hang_per_mille=100, pay_twice_per_mille=150, again_per_mille=600, later_ms=400)
    summary = one.wait()
    ids = crowd.user_ids(tokens)
    rows = list(one.rows())
    moving = auditor.wait_for_rest(instance, sale_id, 120)
    assert not moving, (moving, summary["pay"], summary["cancel"])
    check_books(instance, sale_id, auditor.confirmed_of(rows, ids), auditor.promises_of(one.acts, ids), initial=stock, prices={1999})
    return summary, sale_id


def test_crowd_pays_and_cancels(instance):
    """A crowd that pays, declines, hangs, pays twice, cancels, does both at once and buys again: units and money are exact."""
    summary, sale_id = crowd_that_pays(instance)
    for kind, wanted in (("pay", {"201 none", "409 invalid_state"}), ("cancel", {"200 none", "409 invalid_state"})):
        found = {name for name, count in summary[kind]["final_by"].items() if count}
        assert found <= wanted and f"{201 if kind == 'pay' else 200} none" in found, summary[kind]
    assert set(codes_of(summary)) <= {"201 none", "409 sold_out", "409 already_purchased", "409 limit_exceeded"}, codes_of(summary)
    paid = instance.sql(f"SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 3")[0][0]
    return (f"{summary['pay']['answers_by']} payments, {summary['cancel']['answers_by']} cancels, {paid} orders paid; "
            f"p99 {summary['pay']['latency_ms']['p99']:.0f} and {summary['cancel']['latency_ms']['p99']:.0f} ms")


def test_provider_that_stammers(make_instance):
    """A provider that says half of everything twice and a third of it after the time to pay: units and money are exact."""
    one = make_instance(environment={"MINISHOP_PROVIDER_TWICE_PER_MILLE": "500", "MINISHOP_PROVIDER_LATE_PER_MILLE": "330",
                                     "MINISHOP_PROVIDER_LATE_MS": "2500", "MINISHOP_PROVIDER_DELAY_MS": "30"}).start()
    summary, sale_id = crowd_that_pays(one, seconds=4, pay_within_s=2)
    ((refunded, expired),) = one.sql(f"SELECT (SELECT count(*) FROM payment WHERE sale_id = {sale_id} AND status = 5),"
                                     f" (SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 5)")
    assert int(refunded) > 0 and int(expired) > 0, "no payment came too late"
    return f"{summary['pay']['finished']} payments, {refunded} given back, {expired} orders expired"


def test_pay_when_the_sale_is_over(instance):
    """An order can be paid when its sale is paused and when it has ended: the sale's state is for buying."""
    sale_id = instance.sale(5)
    token, body = bought(instance, sale_id)
    other, later = bought(instance, sale_id)
    assert instance.move(sale_id, "pause").status == 200
    assert pay(instance, body["order_id"], token, "paused").status == 201
    until_status(instance, body["order_id"], token, "paid", GATE_S)
    assert instance.move(sale_id, "end").status == 200
    assert pay(instance, later["order_id"], other, "ended").status == 201
    until_status(instance, later["order_id"], other, "paid", GATE_S)
    assert check_money(instance, sale_id)["paid"] == 2


def test_no_secret_in_logs(instance):
    """The webhook's secret is nobody's to read: its file is 0600, and no log has it."""
    path = instance.folder / "webhook-secret"
    assert path.stat().st_mode & 0o077 == 0, oct(path.stat().st_mode)
    secret = path.read_bytes().strip()
    assert len(secret) >= 32 and not any(secret in log.read_bytes() for log in pathlib.Path(instance.folder / "log").iterdir() if log.is_file())
