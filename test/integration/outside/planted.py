"""The auditor, tested with planted bugs: each must be reported under its invariant, and sound facts must not be called wrong."""

import copy
import re

from .auditor import violations
from .facts import (CANCELLED, DEAD_OPEN, DEAD_REQUEUED, DEAD_REQUEUEING, EXPIRED, OP_BEGUN, OP_DONE, OP_REFUSED, PAID, PAY_CAPTURED,
                    PAY_DECLINED, PAY_PENDING, PAY_REFUND_DUE, PAY_REFUNDED, PENDING, REJECTED, Confirmed, Event, Facts, Order, Payment, Promise,
                    StockOp)

PRICE = 100


def _id(number):
    rid = f"{number:032x}"
    return rid, f"{rid[:8]}-{rid[8:12]}-{rid[12:16]}-{rid[16:20]}-{rid[20:]}"


def _sound():
    """A sale of 8, then of 10, with nine orders as they should be: five pending, one paid by the second of two payments with a third one
    given back, one cancelled after a payment that came too late, one expired, one dead."""
    facts = Facts()
    facts.initial, facts.total, facts.sold, facts.gate_left, facts.starts_us, facts.ends_us = 8, 10, 7, 3, 1000, 2000
    facts.prices = {PRICE}
    facts.stock_ops = [StockOp("a", 3, OP_DONE), StockOp("b", -1, OP_DONE), StockOp("c", -9, OP_REFUSED)]
    statuses = [PENDING] * 5 + [PAID, CANCELLED, EXPIRED, REJECTED]
    for number, status in enumerate(statuses, 1):
        rid, order_id = _id(number)
        quantity = 2 if number == 5 else 1
        facts.orders.append(Order(rid, 100 + number, quantity, status, 1000 + number, number, PRICE))
        if status != REJECTED:
            facts.ledger[rid] = [("ALLOC", quantity)] + ([("RETURN", quantity)] if status in (CANCELLED, EXPIRED) else [])
        facts.moves[rid] = {PAID: ["paid"], CANCELLED: ["cancelled"], EXPIRED: ["expired"]}.get(status, [])
        facts.gate_rids.add(rid)
        if status in (PENDING, PAID):
            facts.gate_held.add(rid)
        facts.confirmed += [Confirmed(100 + number, f"k-{number}", order_id, quantity, number)] * 2
    facts.dead = {_id(9)[0]: DEAD_OPEN}
    for payment_id, number, status in (("p1", 6, PAY_DECLINED), ("p2", 6, PAY_CAPTURED), ("p3", 6, PAY_REFUNDED), ("p4", 7, PAY_REFUNDED),
                                       ("p5", 1, PAY_PENDING)):
        facts.payments.append(Payment(payment_id, _id(number)[0], payment_id, "hang" if payment_id == "p5" else "succeed", PRICE, status))
        facts.promises.append(Promise("pay", 100 + number, _id(number)[1], payment_id, 201, "none"))
    for number, (payment_id, outcome) in enumerate((("p1", PAY_DECLINED), ("p2", PAY_CAPTURED), ("p3", PAY_CAPTURED), ("p3", PAY_REFUNDED),
                                                    ("p4", PAY_CAPTURED), ("p4", PAY_REFUNDED))):
        facts.events.append(Event(f"e{number}", payment_id, outcome, PRICE))
    facts.promises += [Promise("cancel", 107, _id(7)[1], None, 200, "none"), Promise("cancel", 106, _id(6)[1], None, 409, "invalid_state")]
    return facts


def _change(facts, index, **fields):
    facts.orders[index] = facts.orders[index]._replace(**fields)


def _pay(facts, payment_id, **fields):
    facts.payments = [payment._replace(**fields) if payment.payment_id == payment_id else payment for payment in facts.payments]


def _double(facts):
    rid = "f" * 32
    facts.orders.append(facts.orders[0]._replace(rid=rid, sequence=99))
    facts.ledger[rid] = [("ALLOC", 1)]
    facts.gate_rids.add(rid)
    facts.gate_held.add(rid)
    facts.sold += 1
    facts.gate_left -= 1


def _add(facts, **fields):
    facts.confirmed.append(facts.confirmed[0]._replace(**fields))


def _say(facts, payment_id, outcome, amount_cents=PRICE):
    facts.events.append(Event("planted", payment_id, outcome, amount_cents))


def _promise(facts, **fields):
    facts.promises.append(facts.promises[0]._replace(**fields))


def _op(facts, state):
    facts.stock_ops[0] = facts.stock_ops[0]._replace(state=state)


# (what the report must begin with, what is planted)
def _lose(facts, told_us, wiped_us):
    """An order that was told of at `told_us` is gone, and a disk was lost at `wiped_us`."""
    order_id = facts.orders.pop(0).rid
    facts.wipes_us = [wiped_us]
    facts.confirmed = [one._replace(at_us=told_us) if one.order_id.replace("-", "") == order_id else one for one in facts.confirmed]


PLANTED = (
    ("I1 oversold", lambda facts: setattr(facts, "total", 6)),
    ("I1 sale_sku", lambda facts: setattr(facts, "sold", 5)),
    ("I1 total", lambda facts: _op(facts, OP_REFUSED)),  # a change that was applied and is said to be refused
    ("I1 total", lambda facts: facts.stock_ops.append(StockOp("a", 3, OP_DONE))),  # one that was applied once and is in the books twice
    ("I2 1 confirmed", lambda facts: facts.orders.pop(0)),
    ("I2 1 payments", lambda facts: _promise(facts, payment_id="never made")),
    ("I2 1 payments", lambda facts: _promise(facts, order_id=_id(2)[1])),
    ("I2 1 orders that clients were told are cancelled", lambda facts: _change(facts, 6, status=PENDING)),
    ("I2 1 orders that clients were told are cancelled", lambda facts: _change(facts, 6, status=PAID)),
    ("I2 1 orders could not be cancelled", lambda facts: _change(facts, 5, status=CANCELLED)),
    ("I3 1 confirmed", lambda facts: _change(facts, 1, user_id=999)),
    ("I3 1 confirmed orders are not", lambda facts: _change(facts, 1, sequence=90)),  # no disk was lost
    ("I2 1 confirmed orders do not exist, and no disk", lambda facts: (facts.orders.pop(0), setattr(facts, "wipes_us", []))),
    ("I2 1 confirmed orders do not exist, and no disk", lambda facts: _lose(facts, told_us=10**9, wiped_us=2 * 10**9)),
    ("I2 1 confirmed", lambda facts: (_change(facts, 4, sequence=90), setattr(facts, "lost_with_disk", 1))),  # two units were
    ("I3 shopper", _double),
    ("I3 rid", lambda facts: facts.orders.append(facts.orders[2])),
    ("I4", lambda facts: setattr(facts, "gate_left", 5)),
    ("I5 1 orders were rejected", lambda facts: _change(facts, 0, status=REJECTED)),
    ("I5 1 orders were rejected", lambda facts: facts.dead.clear()),
    ("I5 the requeue", lambda facts: facts.dead.update({_id(9)[0]: DEAD_REQUEUEING})),
    ("I5 order", lambda facts: facts.dead.update({_id(9)[0]: DEAD_REQUEUED})),
    ("I5 1 stock changes", lambda facts: _op(facts, OP_BEGUN)),
    ("I5 1 reservations", lambda facts: facts.gate_rids.add("e" * 32)),
    ("I5 1 orders are unknown", lambda facts: facts.gate_rids.discard(facts.orders[0].rid)),
    ("I5 1 orders are held", lambda facts: facts.gate_held.discard(facts.orders[0].rid)),
    ("I5 1 orders are held", lambda facts: facts.gate_held.add(facts.orders[6].rid)),  # cancelled, and its unit never came back
    ("I5 2 entries", lambda facts: setattr(facts, "journal", 2)),
    ("I5 1 units", lambda facts: facts.boxed.append("a")),
    ("I6 order", lambda facts: facts.ledger[facts.orders[0].rid].append(("ALLOC", 1))),
    ("I6 order", lambda facts: facts.ledger[facts.orders[6].rid].append(("RETURN", 1))),  # a unit that came back twice
    ("I6 order", lambda facts: facts.ledger[facts.orders[7].rid].pop()),  # expired without a return
    ("I6 order", lambda facts: facts.ledger.update({facts.orders[4].rid: [("ALLOC", 1)]})),  # of two units, one is in the books
    ("I6 1 rids", lambda facts: facts.ledger.update({"d" * 32: [("ALLOC", 1)]})),
    ("I6 order", lambda facts: facts.moves[facts.orders[6].rid].append("expired")),
    ("I6 order", lambda facts: facts.moves[facts.orders[5].rid].append("paid")),
    ("I7 order", lambda facts: _pay(facts, "p3", status=PAY_CAPTURED)),  # paid twice
    ("I7 order", lambda facts: _pay(facts, "p2", status=PAY_PENDING)),  # paid without money
    ("I7 captured money", lambda facts: _pay(facts, "p4", status=PAY_CAPTURED)),  # cancelled, and the money was kept
    ("I7 captured money", lambda facts: _change(facts, 5, status=EXPIRED)),
    ("I7 1 refunds", lambda facts: _pay(facts, "p4", status=PAY_REFUND_DUE)),
    ("I7 1 payments are undecided", lambda facts: _pay(facts, "p5", outcome="succeed")),
    ("I7 payment p4 of status 5 was refunded 2 times", lambda facts: _say(facts, "p4", PAY_REFUNDED)),
    ("I7 payment p2 of status 2 was refunded 1 times", lambda facts: _say(facts, "p2", PAY_REFUNDED)),
    ("I7 payment p4 of status 5 was refunded 0 times", lambda facts: facts.events.pop()),
    ("I7 payment p1 was captured", lambda facts: _say(facts, "p1", PAY_CAPTURED)),  # declined here, taken there
    ("I7 payment p2 of status 2 was never captured", lambda facts: facts.events.pop(1)),
    ("I7 payment p2 of", lambda facts: _pay(facts, "p2", amount_cents=PRICE + 1)),
    ("I7 payment p2 has no order", lambda facts: _pay(facts, "p2", rid="9" * 32)),
    ("I7 event planted", lambda facts: _say(facts, "p2", PAY_CAPTURED, PRICE - 1)),
    ("I8 1 orders were", lambda facts: _change(facts, 0, reserved_us=999)),
    ("I8 1 orders have", lambda facts: _change(facts, 0, price_cents=99)),
    ("I10 shopper 101 got 2 orders under", lambda facts: _add(facts, order_id=_id(50)[1])),
    ("I10 shopper 101 got 2 orders,", lambda facts: _add(facts, order_id=_id(50)[1], key="other")),
    ("I10 shopper 107 got 3 orders,",  # one of them is final, so two would be right
     lambda facts: [_add(facts, user_id=107, order_id=_id(number)[1], key=f"other-{number}") for number in (50, 51)]),
    ("I10 sequence", lambda facts: _change(facts, 1, sequence=1)),
)


def missed_bugs():
    """Planted bugs that the judge does not report under their invariant; empty if it is any good."""
    sound = _sound()
    if violations(sound):
        return [f"sound facts are called wrong: {violations(sound)}"]
    missed = []
    for number, (prefix, plant) in enumerate(PLANTED):
        facts = copy.deepcopy(sound)
        plant(facts)
        if not any(re.match(re.escape(prefix), line) for line in violations(facts)):
            missed.append(f"{number}: {prefix}")
    return missed
