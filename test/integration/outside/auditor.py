"""An auditor of its own: reads PostgreSQL, Redis and the clients' logs directly, asks nothing of the system, and names every
violation of the invariants.

    I1   sum of active quantities <= total, and as sale_sku says
    I2   every order once confirmed to a client exists
    I3   at most one active order per shopper and sale; an order belongs to the shopper who was told so
    I4   at rest: available + active = total, at the gate and in PostgreSQL alike
    I5   at rest: every reservation of the gate is an order, none is rejected, the journal and the release box are empty
    I6   ledger: one ALLOC per granted order, at most one RETURN, none without a final order
    I8   nothing accepted outside the window
    I10  a retry never yields a second order: one order per key, one per shopper

`read` collects facts, `violations` judges them. They are apart so that the judge can be tested with planted bugs."""

import copy
import re
from collections import namedtuple

PENDING, PAID, CANCELLED, EXPIRED, REJECTED, REFUNDED = 2, 3, 4, 5, 6, 7
ACTIVE = (PENDING, PAID)

Order = namedtuple("Order", "rid user_id quantity status reserved_us sequence")
Confirmed = namedtuple("Confirmed", "user_id key order_id quantity sequence")


class Facts:
    """What is known of one sale, at rest."""

    def __init__(self):
        self.total = 0
        self.sold = 0
        self.starts_us = 0
        self.ends_us = 0
        self.lost_with_disk = 0
        self.orders = []        # Order, as PostgreSQL has them
        self.ledger = {}        # rid: [kinds]
        self.boxed = []         # rids in release_box
        self.gate_left = 0
        self.gate_rids = set()  # that the gate knows, held or released
        self.gate_held = set()  # of these, held
        self.journal = 0        # entries
        self.confirmed = []     # Confirmed, from the clients' logs


def confirmed_of(rows, ids):
    """The 201s of a crowd's log; `ids` are the users' numbers in the order of the tokens."""
    return [Confirmed(ids[row.user], row.key, row.order_id, row.quantity, row.sequence) for row in rows if row.status == 201]


def read(instance, sale_id, confirmed):
    facts = Facts()
    facts.confirmed = confirmed
    ((total, sold, starts_ms, ends_ms, lost),) = instance.sql(
        "SELECT k.total, k.sold, s.starts_at_ms, s.ends_at_ms, s.lost_with_disk FROM sale s JOIN sale_sku k USING (sale_id)"
        f" WHERE sale_id = {sale_id}")
    facts.total, facts.sold, facts.lost_with_disk = int(total), int(sold), int(lost)
    facts.starts_us, facts.ends_us = int(starts_ms) * 1000, int(ends_ms) * 1000
    facts.orders = [Order(rid, *map(int, rest)) for rid, *rest in instance.sql(
        f"SELECT encode (rid, 'hex'), user_id, quantity, status, reserved_us, sequence FROM orders WHERE sale_id = {sale_id}")]
    for rid, kind in instance.sql(f"SELECT encode (rid, 'hex'), kind FROM ledger WHERE sale_id = {sale_id}"):
        facts.ledger.setdefault(rid, []).append(kind)
    facts.boxed = [rid for (rid,) in instance.sql(f"SELECT encode (rid, 'hex') FROM release_box WHERE sale_id = {sale_id}")]
    with instance.redis() as redis:
        prefix = "{s%s}:" % sale_id
        epoch = int(redis("HGET", prefix + "g", "ep"))
        facts.gate_left = int(redis("GET", f"{prefix}{epoch}:a"))
        fields = redis("HGETALL", f"{prefix}{epoch}:r")
        records = {rid.hex(): record for rid, record in zip(fields[::2], fields[1::2]) if len(rid) == 16}
        facts.gate_rids = set(records)
        facts.gate_held = {rid for rid, record in records.items() if record.startswith(b"h")}
        facts.journal = redis("XLEN", f"{prefix}{epoch}:x")
    return facts


def _stock(facts):
    active = sum(order.quantity for order in facts.orders if order.status in ACTIVE)
    if active > facts.total:
        yield f"I1 oversold: {active} of {facts.total} units"
    if active != facts.sold:
        yield f"I1 sale_sku.sold is {facts.sold}, the orders say {active}"
    if facts.gate_left + active != facts.total:
        yield f"I4 {facts.gate_left} left at the gate + {active} active is not {facts.total}"


def _promises(facts):
    rows = {order.rid: order for order in facts.orders}
    missing, strangers = set(), set()
    for promise in facts.confirmed:
        order = rows.get(promise.order_id.replace("-", ""))
        if order is None:
            missing.add((promise.order_id, promise.quantity))
        elif order.user_id != promise.user_id or order.quantity != promise.quantity or order.sequence != promise.sequence:
            strangers.add(promise.order_id)
    units = sum(quantity for _, quantity in missing)
    if units > facts.lost_with_disk:
        yield f"I2 {len(missing)} confirmed orders do not exist ({units} units, {facts.lost_with_disk} lost with a disk): {sorted(missing)[:3]}"
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
    final = {order.user_id for order in facts.orders if order.status not in ACTIVE}
    for user_id, ids in of_user.items():
        if len(ids) > 1 and user_id not in final:
            yield f"I10 shopper {user_id} got {len(ids)} orders"
    sequences = {}
    for order in facts.orders:
        if sequences.setdefault(order.sequence, order.rid) != order.rid:
            yield f"I10 sequence {order.sequence} was given out twice"


def _decided(facts):
    rows = {order.rid for order in facts.orders}
    rejected = [order.rid for order in facts.orders if order.status == REJECTED]
    if rejected:
        yield f"I5 {len(rejected)} orders were rejected"
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
        wanted = {REJECTED: [[]], PENDING: [["ALLOC"]], PAID: [["ALLOC"]]}.get(order.status, [["ALLOC", "RETURN"]])
        if kinds not in wanted:
            yield f"I6 order {order.rid} of status {order.status} has {kinds} in the ledger"
    extra = set(facts.ledger) - {order.rid for order in facts.orders}
    if extra:
        yield f"I6 {len(extra)} rids in the ledger have no order"


def _window(facts):
    outside = [order.rid for order in facts.orders if not facts.starts_us <= order.reserved_us < facts.ends_us]
    if outside:
        yield f"I8 {len(outside)} orders were accepted outside the window"


def violations(facts):
    found = []
    for judge in (_stock, _promises, _shoppers, _decided, _ledger, _window):
        found += judge(facts)
    return found


# -------------------------------------------------------------------------- the judge, tested with planted bugs


def _sound():
    """A sale of 10 with five orders, as it should be."""
    facts = Facts()
    facts.total, facts.sold, facts.gate_left, facts.starts_us, facts.ends_us = 10, 6, 4, 1000, 2000
    for number in range(1, 6):
        rid = f"{number:032x}"
        order_id = f"{rid[:8]}-{rid[8:12]}-{rid[12:16]}-{rid[16:20]}-{rid[20:]}"
        quantity = 2 if number == 5 else 1
        facts.orders.append(Order(rid, 100 + number, quantity, PENDING, 1000 + number, number))
        facts.ledger[rid] = ["ALLOC"]
        facts.gate_rids.add(rid)
        facts.gate_held.add(rid)
        facts.confirmed += [Confirmed(100 + number, f"k-{number}", order_id, quantity, number)] * 2
    return facts


def _change(facts, index, **fields):
    facts.orders[index] = facts.orders[index]._replace(**fields)


def _double(facts):
    rid = "f" * 32
    facts.orders.append(facts.orders[0]._replace(rid=rid, sequence=9))
    facts.ledger[rid] = ["ALLOC"]
    facts.gate_rids.add(rid)
    facts.gate_held.add(rid)
    facts.sold += 1
    facts.gate_left -= 1


def _add(facts, **fields):
    facts.confirmed.append(facts.confirmed[0]._replace(**fields))


PLANTED = {
    "I1 oversold": lambda facts: setattr(facts, "total", 5),
    "I1 sale_sku": lambda facts: setattr(facts, "sold", 5),
    "I2": lambda facts: facts.orders.pop(0),
    "I3 1 confirmed": lambda facts: _change(facts, 1, user_id=999),
    "I3 shopper": _double,
    "I3 rid": lambda facts: facts.orders.append(facts.orders[2]),
    "I4": lambda facts: setattr(facts, "gate_left", 5),
    "I5 1 orders were rejected": lambda facts: _change(facts, 0, status=REJECTED),
    "I5 1 reservations": lambda facts: facts.gate_rids.add("e" * 32),
    "I5 1 orders are unknown": lambda facts: facts.gate_rids.discard(facts.orders[0].rid),
    "I5 1 orders are held": lambda facts: facts.gate_held.discard(facts.orders[0].rid),
    "I5 2 entries": lambda facts: setattr(facts, "journal", 2),
    "I5 1 units": lambda facts: facts.boxed.append("a"),
    "I6 order": lambda facts: facts.ledger[facts.orders[0].rid].append("ALLOC"),
    "I6 1 rids": lambda facts: facts.ledger.update({"d" * 32: ["ALLOC"]}),
    "I8": lambda facts: _change(facts, 0, reserved_us=999),
    "I10 shopper 101 got 2 orders under": lambda facts: _add(facts, order_id="0" * 31 + "9"),
    "I10 shopper 101 got 2 orders": lambda facts: _add(facts, order_id="0" * 31 + "9", key="other"),
    "I10 sequence": lambda facts: _change(facts, 1, sequence=1),
}


def missed_bugs():
    """Planted bugs that the judge does not report under their invariant; empty if it is any good."""
    sound = _sound()
    if violations(sound):
        return [f"sound facts are called wrong: {violations(sound)}"]
    missed = []
    for prefix, plant in PLANTED.items():
        facts = copy.deepcopy(sound)
        plant(facts)
        if not any(re.match(re.escape(prefix), line) for line in violations(facts)):
            missed.append(prefix)
    return missed
