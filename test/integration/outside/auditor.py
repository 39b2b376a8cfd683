"""An auditor of its own: it judges what `facts` has read past the system, and names every violation of the invariants.

    I1   sum of active quantities <= total, and as sale_sku says; total = what it was at first + all stock changes done
    I2   every order once confirmed to a client exists; so does every payment, and what was cancelled stays cancelled
    I3   at most one active order per shopper and sale; an order belongs to the shopper who was told so
    I4   at rest: available + active = total, at the gate and in PostgreSQL alike
    I5   at rest: every reservation of the gate is an order, none is rejected but by a dead letter or a lost disk, the journal and the
         release box are empty, no stock change and no requeue is half done
    I6   ledger: one ALLOC per granted order, at most one RETURN, none without a final order; each final move once
    I7   money: an order is paid exactly when one payment of it is captured, and never two; captured money of an order that is not paid
         goes back, once, and at rest has gone back; every amount is the order's
    I8   nothing accepted outside the window, or at a price that the sale never had
    I10  a retry never yields a second order: one order per key, one per shopper

Tested with planted bugs: `planted`."""

from .auditor_money import decisions, money
from .facts import ACTIVE, DEAD_REQUEUED, DEAD_REQUEUEING, OP_BEGUN, OP_DONE, PAID, PENDING, REJECTED
from .facts import confirmed_of, promises_of, read, unrest, wait_for_rest

__all__ = ["confirmed_of", "promises_of", "read", "unrest", "violations", "wait_for_rest"]

BACKLOG_US = 60000000  # orders wait so long at most in a run of faults: for PostgreSQL, ordering or the broker
LATE_US = 2000000      # an answer may reach its client so long after the loss


def _stock(facts):
    active = sum(order.quantity for order in facts.orders if order.status in ACTIVE)
    if active > facts.total:
        yield f"I1 oversold: {active} of {facts.total} units"
    if active != facts.sold:
        yield f"I1 sale_sku.sold is {facts.sold}, the orders say {active}"
    changed = sum(op.delta for op in facts.stock_ops if op.state == OP_DONE)
    if facts.initial is not None and facts.initial + changed != facts.total:
        yield f"I1 total is {facts.total}, but {facts.initial} at first and {changed:+d} by stock changes"
    if facts.gate_left + active != facts.total:
        yield f"I4 {facts.gate_left} left at the gate + {active} active is not {facts.total}"


def _was_reserved_again(facts, promise, order):
    """The reservation went with a lost disk, and the same key made it anew: the same order, later in the sequence."""
    is_same = order.user_id == promise.user_id and order.quantity == promise.quantity
    has_lost = facts.lost_with_disk > 0 or facts.wipes_us
    return has_lost and is_same and promise.sequence < order.sequence


def _died_with_disk(facts, at_us):
    """Told before a loss of the disk, by no more than the longest time for which orders waited for PostgreSQL."""
    return at_us is None or any(wipe_us - BACKLOG_US <= at_us <= wipe_us + LATE_US for wipe_us in facts.wipes_us)


def _missing(facts, missing):
    """`missing`: (order id, quantity) → when it was told first. Without the times of the losses the system's own count is the bound. It is
    what the leader knew at its last look: what was reserved since then, or while nobody led, is not in it."""
    units = sum(quantity for _, quantity in missing)
    if facts.wipes_us is None:
        if units > facts.lost_with_disk:
            yield (f"I2 {len(missing)} confirmed orders do not exist ({units} units, {facts.lost_with_disk} lost with a disk): "
                   f"{sorted(missing)[:3]}")
        return
    unexplained = [one for one, at_us in missing.items() if not facts.wipes_us or not _died_with_disk(facts, at_us)]
    if unexplained:
        yield f"I2 {len(unexplained)} confirmed orders do not exist, and no disk was lost soon after: {sorted(unexplained)[:3]}"


def _promises(facts):
    rows = {order.rid: order for order in facts.orders}
    missing, strangers = {}, set()
    for promise in facts.confirmed:
        order = rows.get(promise.order_id.replace("-", ""))
        if order is None or _was_reserved_again(facts, promise, order):
            one = (promise.order_id, promise.quantity)
            missing[one] = min(missing.get(one, promise.at_us), promise.at_us) if promise.at_us is not None else missing.get(one)
        elif order.user_id != promise.user_id or order.quantity != promise.quantity or order.sequence != promise.sequence:
            strangers.add(promise.order_id)
    yield from _missing(facts, missing)
    if strangers:
        yield f"I3 {len(strangers)} confirmed orders are not what their shoppers were told: {sorted(strangers)[:3]}"


def _shoppers(facts):
    seen, rids = set(), set()
    for order in facts.orders:
        if order.status in ACTIVE and order.user_id in seen:
            yield f"I3 shopper {order.user_id} has two active orders"
        if order.status in ACTIVE:
            seen.add(order.user_id)
        if order.rid in rids:
            yield f"I3 rid {order.rid} twice"
        rids.add(order.rid)
    of_key, of_user = {}, {}
    for promise in facts.confirmed:
        of_key.setdefault((promise.user_id, promise.key), set()).add(promise.order_id)
        of_user.setdefault(promise.user_id, set()).add(promise.order_id)
    for (user_id, key), ids in of_key.items():
        if len(ids) > 1:
            yield f"I10 shopper {user_id} got {len(ids)} orders under key {key}"
    final = {}
    for order in facts.orders:
        if order.status not in ACTIVE:
            final[order.user_id] = final.get(order.user_id, 0) + 1
    for user_id, ids in of_user.items():
        if len(ids) > 1 + final.get(user_id, 0) + (facts.lost_with_disk > 0):
            yield f"I10 shopper {user_id} got {len(ids)} orders, of which {final.get(user_id, 0)} are final"
    sequences = {}
    for order in facts.orders:
        if sequences.setdefault(order.sequence, order.rid) != order.rid:
            yield f"I10 sequence {order.sequence} was given out twice"


def _rejected(facts):
    rejected = [order for order in facts.orders if order.status == REJECTED and order.rid not in facts.dead]
    units = sum(order.quantity for order in rejected)
    if units > facts.lost_with_disk:
        yield f"I5 {len(rejected)} orders were rejected without a dead letter ({units} units, {facts.lost_with_disk} lost with a disk)"
    status = {order.rid: order.status for order in facts.orders}
    for rid, state in facts.dead.items():
        if state == DEAD_REQUEUEING:
            yield f"I5 the requeue of the dead letter of order {rid} is half done"
        if state == DEAD_REQUEUED and status.get(rid, REJECTED) == REJECTED:
            yield f"I5 order {rid} was requeued and is rejected"
    begun = [op for op in facts.stock_ops if op.state == OP_BEGUN]
    if begun:
        yield f"I5 {len(begun)} stock changes are half done"


def _decided(facts):
    rows = {order.rid for order in facts.orders}
    if facts.gate_rids - rows:
        yield f"I5 {len(facts.gate_rids - rows)} reservations of the gate have no order"
    if rows - facts.gate_rids:
        yield f"I5 {len(rows - facts.gate_rids)} orders are unknown to the gate"
    active = {order.rid for order in facts.orders if order.status in ACTIVE}
    if facts.gate_held & rows != active & facts.gate_rids:
        yield f"I5 {len(facts.gate_held & rows ^ active & facts.gate_rids)} orders are held at the gate and final, or active and released"
    if facts.journal:
        yield f"I5 {facts.journal} entries stay in the journal"
    if facts.boxed:
        yield f"I5 {len(facts.boxed)} units stay in the release box"


def _ledger(facts):
    for order in facts.orders:
        kinds = sorted(facts.ledger.get(order.rid, []))
        units = {count for _, count in kinds}
        wanted = {REJECTED: [], PENDING: ["ALLOC"], PAID: ["ALLOC"]}.get(order.status, ["ALLOC", "RETURN"])
        if [kind for kind, _ in kinds] != wanted:
            yield f"I6 order {order.rid} of status {order.status} has {kinds} in the ledger"
        elif units - {order.quantity}:
            yield f"I6 order {order.rid} of {order.quantity} units has {kinds} in the ledger"
    extra = set(facts.ledger) - {order.rid for order in facts.orders}
    if extra:
        yield f"I6 {len(extra)} rids in the ledger have no order"
    for rid, events in facts.moves.items():
        ends = [event for event in events if event in ("cancelled", "expired", "refunded")]
        if len(ends) > 1 or events.count("paid") > 1:
            yield f"I6 order {rid} ended or was paid twice: {events}"


def _window(facts):
    outside = [order.rid for order in facts.orders if not facts.starts_us <= order.reserved_us < facts.ends_us]
    if outside:
        yield f"I8 {len(outside)} orders were accepted outside the window"
    wrong = [order.rid for order in facts.orders if facts.prices is not None and order.price_cents not in facts.prices]
    if wrong:
        yield f"I8 {len(wrong)} orders have a price that the sale never had"


def violations(facts):
    found = []
    for judge in (_stock, _promises, decisions, _shoppers, _rejected, _decided, _ledger, money, _window):
        found += judge(facts)
    return found
