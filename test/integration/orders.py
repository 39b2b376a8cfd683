"""Orders after the 201: cancel, expiry, dead letters, and operators who change a sale while it runs."""

import json
import pathlib
import time

from outside import auditor, crowd
from outside.instance import PASSWORD
from outside.lifecycle import bought, cancel, new_key, order, pay, status_of, until_status
from outside.operators import Poison, change_stock, dead_letters, decide, edit, log_entries
from outside.waiting import until
from payments import all_ports, at_once, stopped
from sales import check_books, codes_of

GATE_S = 20  # ten times the 2 s in which a unit comes back


def check(instance, sale_id, **facts):
    moving = auditor.wait_for_rest(instance, sale_id)
    assert not moving, moving
    return check_books(instance, sale_id, [], **facts)


def until_sold(instance, sale_id, token, deadline_s=GATE_S):
    """Buys as soon as there is something to buy: (the order, seconds that it took)."""
    begin, got = time.monotonic(), []

    def is_sold():
        answer = instance.buy(sale_id, token, new_key("again"))
        if answer.status == 503:
            return False  # asked again, as clients do
        assert answer.status == 201 or answer.body["code"] in ("sold_out", "already_purchased"), answer
        got.append(answer)
        return answer.status == 201
    until("the unit is sold again", deadline_s, is_sold, 0.05)
    return got[-1].body, time.monotonic() - begin


def events_of(instance, order_id, token):
    return [(moment["event"], moment["actor"]) for moment in order(instance, order_id, token).body["timeline"]]


# -------------------------------------------------------------------------- cancel


def test_cancel(instance):
    """A cancelled order stays so, for its owner alone to do, and its unit is sold to somebody else within 2 s."""
    sale_id = instance.sale(1)
    token, body = bought(instance, sale_id)
    stranger = instance.token_list(1)[0]
    assert cancel(instance, body["order_id"], stranger).status == 404
    assert instance.buy(sale_id, stranger, "s").body["code"] == "sold_out"
    done = cancel(instance, body["order_id"], token)
    assert (done.status, done.body["order_id"], done.body["status"]) == (200, body["order_id"], "cancelled"), done
    for port in all_ports(instance):
        again = cancel(instance, body["order_id"], token, port)
        assert (again.status, again.body) == (200, done.body), again
    _, seconds = until_sold(instance, sale_id, stranger)
    assert status_of(instance, body["order_id"], token) == "cancelled"
    check(instance, sale_id, initial=1)
    return f"sold again after {seconds:.2f} s (gate 2)"


def test_cancel_of_what_is_not_there(instance):
    """No order, no token, a malformed id: 404 and 401, never a new row."""
    token = instance.token_list(1)[0]
    for order_id, who, status in (("00000000-0000-8000-8000-000000000000", token, 404), ("nonsense", token, 404),
                                  ("00000000-0000-8000-8000-000000000000", None, 401)):
        assert cancel(instance, order_id, who).status == status, (order_id, who)


def test_cancel_after_paid(instance):
    """What is paid is not cancelled any more, and says so."""
    sale_id = instance.sale(2)
    token, body = bought(instance, sale_id)
    pay(instance, body["order_id"], token, "one")
    until_status(instance, body["order_id"], token, "paid")
    for port in all_ports(instance):
        refused = cancel(instance, body["order_id"], token, port)
        assert (refused.status, refused.body["code"]) == (409, "invalid_state"), refused
    assert check(instance, sale_id)["paid"] == 1


def test_buy_again_after_cancel(instance):
    """A new key buys again after a cancel, the old key still answers the old order, and ten attempts at holding are the end of it."""
    sale_id = instance.sale(3)
    token = instance.token_list(1)[0]
    orders = {}
    for number in range(10):
        answer = until("the next key buys", GATE_S, lambda number=number: _won(instance.buy(sale_id, token, f"k-{number}")), 0.05)
        orders[f"k-{number}"] = answer.body
        assert cancel(instance, answer.body["order_id"], token).status == 200
    assert len({body["order_id"] for body in orders.values()}) == 10
    for key, body in orders.items():
        again = instance.buy(sale_id, token, key)
        assert (again.status, again.body) == (201, body), (key, body, again)
    until("the last unit is back", GATE_S, lambda: instance.audit(sale_id)["gate_left"] == 3, 0.05)
    refused = instance.buy(sale_id, token, "k-10")
    assert (refused.status, refused.body["code"]) == (409, "limit_exceeded"), refused
    check(instance, sale_id, initial=3)


def _won(answer):
    assert answer.status == 201 or answer.body["code"] == "already_purchased", answer  # until the gate has heard of the cancel
    return answer if answer.status == 201 else None


# -------------------------------------------------------------------------- expiry


def test_expiry(instance):
    """An unpaid order expires within a second of its time, its unit is on sale again, and "sold out" is withdrawn."""
    sale_id = instance.sale(1, pay_within_s=6)  # long enough to see "sold out" in
    token, stranger = instance.token_list(2)
    body = instance.buy(sale_id, token, "first").body
    until("it is sold out", 20, lambda: instance.call("GET", f"/sales/{sale_id}").body["state"] == "sold_out", 0.05)
    expired = until_status(instance, body["order_id"], token, "expired", 30)
    times = {moment["event"]: moment["at_ms"] for moment in expired.body["timeline"]}
    late_ms = times["expired"] - expired.body["pay_before_ms"]
    assert 0 <= late_ms < 10000, (late_ms, expired)
    again, seconds = until_sold(instance, sale_id, stranger)
    assert cancel(instance, body["order_id"], token).body["code"] == "invalid_state"
    assert pay(instance, body["order_id"], token, "late").body["code"] == "invalid_state"
    other = instance.buy(sale_id, token, "second")  # one's own time is over: free to try again, as everybody
    if instance.now_ms() < again["pay_before_ms"]:  # the stranger holds it
        assert other.body["code"] == "sold_out", other
    check(instance, sale_id, initial=1)
    return f"expired {late_ms} ms after its time (gate 1,000), sold again {seconds:.2f} s later (gate 2)"


def test_sold_out_is_withdrawn(instance):
    """When all units come back by expiry, the sale's page says so, and a crowd buys all of them."""
    stock = 200
    sale_id = instance.sale(stock, pay_within_s=1)
    crowd.run(instance.port, sale_id, instance.tokens(stock), connections=32)
    until("all have expired", 60, lambda: instance.sql(f"SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 5") == [[str(stock)]])
    until("all are on sale again", 60, lambda: instance.call("GET", f"/sales/{sale_id}").body["stock_left"] == stock, 0.05)
    assert instance.call("GET", f"/sales/{sale_id}").body["state"] == "live"
    summary, _ = crowd.run(instance.port, sale_id, instance.tokens(2 * stock), connections=32)
    assert summary["orders"] >= stock, codes_of(summary)  # more, where one expired while others still came
    until("they have expired too", 60, lambda: instance.sql(f"SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 2") == [["0"]])
    check(instance, sale_id, initial=stock)


# -------------------------------------------------------------------------- what is told


def test_timeline(instance):
    """The timeline has every move, who made it, in order, and times that do not run backwards."""
    sale_id = instance.sale(3)
    token, body = bought(instance, sale_id)
    pay(instance, body["order_id"], token, "no", "decline")
    until("it is declined", 20, lambda: [p["status"] for p in order(instance, body["order_id"], token).body["payments"]] == ["declined"], 0.05)
    pay(instance, body["order_id"], token, "yes")
    paid = until_status(instance, body["order_id"], token, "paid")
    events = events_of(instance, body["order_id"], token)
    assert [event for event, _ in events][:2] == ["reserved", "pending_payment"] and "paid" in dict(events), events
    times = [moment["at_ms"] for moment in paid.body["timeline"]]
    assert times == sorted(times), paid.body["timeline"]
    token, body = bought(instance, sale_id)
    cancel(instance, body["order_id"], token)
    assert events_of(instance, body["order_id"], token)[-1] == ("cancelled", "shopper")
    listed = instance.call("GET", "/orders", token=token).body["orders"][0]
    assert listed == order(instance, body["order_id"], token).body
    return f"{events}"


def test_operator_cancels(instance):
    """An operator cancels any order, with a reason that the shopper reads and the log keeps; without one it is refused."""
    sale_id = instance.sale(3)
    token, body = bought(instance, sale_id)
    path = f"/admin/orders/{body['order_id']}/cancel"
    assert instance.as_operator("POST", path, {}).body["code"] == "invalid_field"
    assert instance.call("POST", path, {"reason": "mine"}, token).status == 403
    reason = "the parcel was damaged"
    done = instance.as_operator("POST", path, {"reason": reason})
    assert (done.status, done.body["status"], done.body["reason"]) == (200, "cancelled", reason), done
    assert instance.as_operator("POST", path, {"reason": reason}).status == 200
    seen = order(instance, body["order_id"], token)
    assert (seen.body["status"], seen.body["reason"]) == ("cancelled", reason), seen
    assert events_of(instance, body["order_id"], token)[-1] == ("cancelled", "admin")
    entries = [entry for entry in log_entries(instance) if body["order_id"] in entry["target"]]
    assert entries and all(entry["who"] == "admin" for entry in entries) and reason in json.dumps(entries), entries
    assert instance.as_operator("GET", f"/admin/orders/{body['order_id']}").body["timeline"] == seen.body["timeline"]
    check(instance, sale_id)


# -------------------------------------------------------------------------- operators while a sale runs


def test_stock_added_and_taken(instance):
    """Stock changes by what is said, once per key; what is not there cannot be taken; the books say why the total is what it is."""
    sale_id = instance.sale(2)
    tokens = instance.token_list(6)
    assert [instance.buy(sale_id, token, "a").status for token in tokens[:3]] == [201, 201, 409]
    for _ in range(3):
        added = change_stock(instance, sale_id, 4, "add")
        assert (added.status, added.body["stock_total"]) == (200, 6), added
    assert [instance.buy(sale_id, token, "b").status for token in tokens[2:4]] == [201, 201]
    refused = change_stock(instance, sale_id, -3, "too-many")
    assert (refused.status, refused.body["code"]) == (409, "invalid_state"), refused
    for _ in range(2):
        taken = change_stock(instance, sale_id, -1, "take")
        assert (taken.status, taken.body["stock_total"]) == (200, 5), taken
    assert change_stock(instance, sale_id, -3, "too-many").status == 409
    assert [instance.buy(sale_id, token, "c").status for token in tokens[4:]] == [201, 409]
    for body in ({"delta": 0, "reason": "x"}, {"delta": 1}, {"delta": "1", "reason": "x"}, {"delta": 10 ** 9, "reason": "x"}):
        assert instance.as_operator("POST", f"/admin/sales/{sale_id}/stock", body).body["code"] == "invalid_field", body
    assert change_stock(instance, 999999, 1).status == 404
    books = check(instance, sale_id, initial=2)
    assert (books["stock_total"], books["gate_left"], books["pending_payment"]) == (5, 0, 5), books


def test_edit_while_live(instance):
    """The price of a live sale changes for those who come after; orders and their replays keep theirs. What may not change is refused."""
    sale_id = instance.sale(5, price_cents=1000)
    token, body = bought(instance, sale_id)
    before = instance.as_operator("GET", f"/admin/sales/{sale_id}").body
    edited = edit(instance, sale_id, price_cents=2000, title="Dearer", ends_at_ms=before["ends_at_ms"] + 60000)
    assert edited.status == 200 and (edited.body["price_cents"], edited.body["title"]) == (2000, "Dearer"), edited
    for port in all_ports(instance):  # served by all of them when it is answered
        seen = instance.call("GET", f"/sales/{sale_id}", port=port).body if port != instance.port else edited.body
        assert (seen["price_cents"], seen["title"]) == (2000, "Dearer"), (port, seen)
    other, dearer = bought(instance, sale_id)
    assert (body["price_cents"], dearer["price_cents"], dearer["total_cents"]) == (1000, 2000, 2000)
    assert order(instance, body["order_id"], token).body["total_cents"] == 1000
    for who, one in ((token, body), (other, dearer)):
        assert pay(instance, one["order_id"], who, "pay").status == 201
        until_status(instance, one["order_id"], who, "paid")
    for fields in ({"stock_total": 9}, {"currency": "USD"}, {"starts_at_ms": 1}, {"per_user_limit": 2}, {"pay_within_s": 5}, {"product_id": "x"},
                   {"list_price_cents": 9}):
        refused = edit(instance, sale_id, **fields)
        assert (refused.status, refused.body["code"]) == (409, "invalid_state"), (fields, refused)
    for fields in ({}, {"unknown": 1}, {"price_cents": -1}, {"price_cents": "1"}, {"title": ""}):
        assert edit(instance, sale_id, **fields).body["code"] == "invalid_field", fields
    check(instance, sale_id, prices={1000, 2000})


def test_edit_of_a_draft(instance):
    """A draft may change in everything; the published sale is the edited one."""
    sale_id = instance.draft(5)
    edited = edit(instance, sale_id, stock_total=2, per_user_limit=2, currency="USD", pay_within_s=60, price_cents=5)
    assert edited.status == 200 and edited.body["state"] == "draft" and edited.body["stock_total"] == 2, edited
    assert instance.move(sale_id, "publish").status == 200
    token = instance.token_list(1)[0]
    body = instance.buy(sale_id, token, "x", quantity=2).body
    assert (body["total_cents"], body["currency"]) == (10, "USD"), body


def test_pause_resume_end(instance):
    """Paused, a sale sells nothing and takes nothing back; resumed, it goes on; ended, it is over for good."""
    sale_id = instance.sale(5)
    token, stranger, late = instance.token_list(3)
    token, body = bought(instance, sale_id, token)
    assert instance.move(sale_id, "pause").status == instance.move(sale_id, "pause").status == 200
    paused = instance.buy(sale_id, stranger, "p")
    assert (paused.status, paused.body["code"]) == (423, "sale_paused"), paused
    assert instance.buy(sale_id, token, "p").body["code"] == "already_purchased"  # comes before the state of the sale
    known = order(instance, body["order_id"], token)
    assert (known.status, known.body.get("status")) == (200, "pending_payment"), known
    assert cancel(instance, body["order_id"], token).status == 200
    assert instance.move(sale_id, "resume").status == 200
    assert instance.buy(sale_id, stranger, "p").status == 201
    assert instance.move(sale_id, "end").status == instance.move(sale_id, "end").status == 200
    assert (instance.buy(sale_id, late, "p").status, instance.buy(sale_id, stranger, "p").status) == (410, 201)
    for verb in ("pause", "resume", "publish"):
        assert instance.move(sale_id, verb).body["code"] == "invalid_state", verb
    check(instance, sale_id, initial=5)


def test_log_has_all_actions(instance):
    """Whatever an operator did is in the log, newest first, with who, what, from and to."""
    begin_ms = instance.now_ms()
    sale_id = instance.draft(5)
    edit(instance, sale_id, title="Renamed")
    for verb in ("publish", "pause", "resume"):
        assert instance.move(sale_id, verb).status == 200
    _, body = bought(instance, sale_id)
    assert edit(instance, sale_id, price_cents=7).status == 200
    assert change_stock(instance, sale_id, 1, "log", "found one more").status == 200
    assert instance.as_operator("POST", f"/admin/orders/{body['order_id']}/cancel", {"reason": "for the log"}).status == 200
    limits = instance.as_operator("GET", "/admin/limits").body["limits"]["user"]
    for count in (limits["count"] + 1, limits["count"]):
        assert instance.as_operator("PATCH", "/admin/limits", {"limits": {"user": {"count": count}}}).status == 200
    assert instance.move(sale_id, "end").status == 200
    entries = [entry for entry in log_entries(instance) if entry["at_ms"] >= begin_ms - 1000]
    assert all(set(entry) >= {"at_ms", "who", "action", "target", "from", "to"} for entry in entries), entries
    assert [entry["at_ms"] for entry in entries] == sorted((entry["at_ms"] for entry in entries), reverse=True)
    mine = [entry for entry in entries if entry["target"] in (f"sale {sale_id}", "limits") or body["order_id"] in entry["target"]]
    assert len(mine) >= 11 and {entry["who"] for entry in mine} == {"admin"}, mine
    text = json.dumps(mine)
    for word in ("Renamed", "7", "for the log"):
        assert word in text, (word, mine)
    return ", ".join(sorted({entry["action"] for entry in mine}))


# -------------------------------------------------------------------------- dead letters


def poisoned(instance, sale_id, count=1):
    """[(token, order)] of shoppers whose orders became dead letters; the poison is gone again."""
    path = instance.tokens(count)
    with Poison(instance, crowd.user_ids(path)):
        found = [bought(instance, sale_id, token, row=False) for token in pathlib.Path(path).read_text(encoding="ascii").split()]
        for _, body in found:
            until("its dead letter is there", 60, lambda body=body: dead_letters(instance, body["order_id"]), 0.1)
    return found


def test_dead_letter(instance):
    """An order that cannot be written becomes `rejected` with a reason and a dead letter, once, and its unit is sold to the next; orders
    beside and behind it arrive."""
    sale_id = instance.sale(2)
    other = instance.token_list(1)[0]
    ((token, body),) = poisoned(instance, sale_id)
    rejected = until_status(instance, body["order_id"], token, "rejected")
    assert rejected.body["reason"], rejected
    letter = dead_letters(instance, body["order_id"])
    assert letter["attempts"] >= 1 and letter["reason"] and letter["at_ms"] > 0, letter
    assert bought(instance, sale_id, other)[0] == other
    _, seconds = until_sold(instance, sale_id, instance.token_list(1)[0])
    assert cancel(instance, body["order_id"], token).status == 409
    assert pay(instance, body["order_id"], token, "x").status == 409
    listed = json.loads(instance.minishop("dlq", "list", "--json").stdout)
    assert letter["id"] in json.dumps(listed), listed
    shown = instance.minishop("dlq", "show", letter["id"])
    assert shown.returncode == 0 and body["order_id"] in shown.stdout.decode(), shown
    check(instance, sale_id, initial=2)
    assert decide(instance, letter["id"], "discard").status == 200
    assert decide(instance, letter["id"], "discard").status == 200
    assert decide(instance, letter["id"], "requeue").status == 409
    assert dead_letters(instance, body["order_id"]) is None
    assert decide(instance, "999999999", "discard").status == 404
    check(instance, sale_id, initial=2)
    return f"its unit was sold again after {seconds:.2f} s"


def test_dead_letter_requeued(instance):
    """A requeued letter is the order that was promised, by API and by command line: payable, with its unit; a second requeue does nothing."""
    sale_id = instance.sale(4)
    one, two = poisoned(instance, sale_id, 2)
    for number, (token, body) in enumerate((one, two)):
        letter = dead_letters(instance, body["order_id"])
        until("its unit is back", GATE_S, lambda: not instance.sql(f"SELECT 1 FROM release_box WHERE sale_id = {sale_id}"), 0.05)
        if number == 0:
            done = decide(instance, letter["id"], "requeue")
            assert done.status == 200, done
        else:
            done = instance.minishop("dlq", "requeue", letter["id"])
            assert done.returncode == 0, done.stderr.decode()
        until_status_again(instance, body["order_id"], token, "pending_payment")
        assert decide(instance, letter["id"], "requeue").status == 200
        assert decide(instance, letter["id"], "discard").status == 409
        assert dead_letters(instance, body["order_id"]) is None
    assert pay(instance, one[1]["order_id"], one[0], "pay").status == 201
    until_status(instance, one[1]["order_id"], one[0], "paid")
    books = check(instance, sale_id, initial=4)
    assert (books["paid"], books["pending_payment"], books["gate_left"]) == (1, 1, 2), books


def until_status_again(instance, order_id, token, status):
    """As until_status, for an order that was final and is not any more."""
    until(f"order {order_id} is {status}", GATE_S, lambda: status_of(instance, order_id, token) == status, 0.05)


def test_dead_letter_without_a_unit(instance):
    """A requeue is refused while nothing is left, or its shopper has bought again; the letter stays, and works when there is a unit."""
    sale_id = instance.sale(2)
    ((token, body),) = poisoned(instance, sale_id)
    letter = dead_letters(instance, body["order_id"])
    own, _ = until_sold(instance, sale_id, token)
    refused = decide(instance, letter["id"], "requeue")
    assert (refused.status, refused.body["code"]) == (409, "already_purchased"), refused
    assert cancel(instance, own["order_id"], token).status == 200
    until("all units are back", GATE_S, lambda: instance.audit(sale_id)["gate_left"] == 2, 0.05)
    others = [bought(instance, sale_id) for _ in range(2)]
    refused = decide(instance, letter["id"], "requeue")
    assert (refused.status, refused.body["code"]) == (409, "sold_out"), refused
    assert dead_letters(instance, body["order_id"]), "the letter is gone"
    assert cancel(instance, others[0][1]["order_id"], others[0][0]).status == 200
    until("a unit is back", GATE_S, lambda: instance.audit(sale_id)["gate_left"] == 1, 0.05)
    until("it can be requeued", GATE_S, lambda: decide(instance, letter["id"], "requeue").status == 200, 0.1)
    until_status_again(instance, body["order_id"], token, "pending_payment")
    check(instance, sale_id, initial=2)


# -------------------------------------------------------------------------- sessions


def test_password_change_ends_sessions(instance):
    """A new password ends every session of the account, at every edge, before it is answered; the old password is no use any more."""
    name, old, new = new_key("u")[:20], PASSWORD + " old", PASSWORD + " new"
    assert instance.call("POST", "/accounts", {"username": name, "password": old}).status == 201

    def log_in(password):
        return instance.call("POST", "/sessions", {"username": name, "password": password})
    tokens = [log_in(old).body["access_token"] for _ in range(2)]
    wrong = instance.call("PUT", "/accounts/me/password", {"current_password": "not it, surely", "new_password": new}, tokens[0])
    assert wrong.status in (401, 403, 409) and log_in(old).status == 201, wrong
    assert instance.call("PUT", "/accounts/me/password", {"current_password": old, "new_password": "short"}, tokens[0]).status == 400
    assert instance.call("PUT", "/accounts/me/password", {"current_password": old, "new_password": new}, tokens[0]).status == 204
    for port in all_ports(instance):
        for token in tokens:
            assert instance.call("GET", "/sessions/current", token=token, port=port).status == 401, port
    assert (log_in(old).status, log_in(new).status) == (401, 201)
    fresh = log_in(new).body["access_token"]
    assert instance.call("GET", "/sessions/current", token=fresh).status == 200
