"""The auditor's rules of money, and of what clients were told about payments and cancels."""

from collections import Counter

from .facts import (CANCELLED, EXPIRED, PAID, PAY_CAPTURED, PAY_DECLINED, PAY_PENDING, PAY_REFUND_DUE, PAY_REFUNDED, PENDING, REFUNDED,
                    REJECTED)


def decisions(facts):
    """I2 for what follows a purchase: an answer of 200 or 201 to a pay or a cancel is seen in the end."""
    status = {order.rid: order.status for order in facts.orders}
    rid_of = {payment.payment_id: payment.rid for payment in facts.payments}
    lost, undone, denied = set(), set(), set()
    for promise in facts.promises:
        rid = promise.order_id.replace("-", "")
        if promise.kind == "pay" and promise.status in (200, 201) and rid_of.get(promise.payment_id) != rid:
            lost.add(promise.payment_id)
        if promise.kind == "cancel" and promise.status == 200 and status.get(rid) != CANCELLED:
            undone.add((promise.order_id, status.get(rid)))
        # Too late to cancel means paid, expired or rejected: none of them turns into a cancelled order.
        if (promise.kind == "cancel" and promise.code == "invalid_state" and rid not in facts.dead
                and status.get(rid) not in (PAID, EXPIRED, REJECTED, REFUNDED)):
            denied.add((promise.order_id, status.get(rid)))
    if lost:
        yield f"I2 {len(lost)} payments that clients were told of do not exist, or are another order's: {sorted(map(str, lost))[:3]}"
    if undone:
        yield f"I2 {len(undone)} orders that clients were told are cancelled are not: {sorted(undone, key=str)[:3]}"
    if denied:
        yield (f"I2 {len(denied)} orders could not be cancelled, clients were told, and are neither paid nor final: "
               f"{sorted(denied, key=str)[:3]}")


def money(facts):
    orders = {order.rid: order for order in facts.orders}
    captured = Counter(payment.rid for payment in facts.payments if payment.status == PAY_CAPTURED)
    for rid, count in captured.items():
        if count > 1:
            yield f"I7 order {rid} has {count} captured payments"
        if rid not in orders or orders[rid].status != PAID:
            yield f"I7 captured money of order {rid} of status {orders[rid].status if rid in orders else None} was kept"
    refunded = {payment.rid for payment in facts.payments if payment.status == PAY_REFUNDED}
    for order in facts.orders:
        if order.status == PAID and not captured[order.rid]:
            yield f"I7 order {order.rid} is paid without a captured payment"
        if order.status == REFUNDED and order.rid not in refunded:
            yield f"I7 order {order.rid} is refunded, and no payment of it is"
    for payment in facts.payments:
        yield from _amount(payment, orders.get(payment.rid))
    yield from _events(facts, {order.rid for order in facts.orders if order.status == PENDING})


def _amount(payment, order):
    if order is None:
        yield f"I7 payment {payment.payment_id} has no order"
    elif payment.amount_cents != order.quantity * order.price_cents:
        yield f"I7 payment {payment.payment_id} of {payment.amount_cents} cents is of an order of {order.quantity * order.price_cents}"


def _events(facts, payable):
    """What the provider said of a payment, against what became of it."""
    said = {payment.payment_id: Counter() for payment in facts.payments}
    amount = {payment.payment_id: payment.amount_cents for payment in facts.payments}
    for event in facts.events:
        said[event.payment_id][event.outcome] += 1
        if event.amount_cents != amount[event.payment_id]:
            yield f"I7 event {event.event_id} is of {event.amount_cents} cents, its payment of {amount[event.payment_id]}"
    waiting = Counter()
    for payment in facts.payments:
        count = said[payment.payment_id]
        if payment.status in (PAY_CAPTURED, PAY_REFUND_DUE, PAY_REFUNDED) and not count[PAY_CAPTURED]:
            yield f"I7 payment {payment.payment_id} of status {payment.status} was never captured by the provider"
        if payment.status in (PAY_PENDING, PAY_DECLINED) and count[PAY_CAPTURED]:
            yield f"I7 payment {payment.payment_id} was captured by the provider and has status {payment.status}"
        if payment.status == PAY_REFUNDED and count[PAY_REFUNDED] != 1 or payment.status != PAY_REFUNDED and count[PAY_REFUNDED]:
            yield f"I7 payment {payment.payment_id} of status {payment.status} was refunded {count[PAY_REFUNDED]} times by the provider"
        waiting["refunds are still due"] += payment.status == PAY_REFUND_DUE
        # Of an order that cannot be paid any more the provider is not asked again: what it never told stays undecided.
        waiting["payments are undecided"] += payment.status == PAY_PENDING and payment.outcome != "hang" and payment.rid in payable
    for what, count in waiting.items():
        if count:
            yield f"I7 {count} {what}"
