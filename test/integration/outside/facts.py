"""Facts about one sale at rest, read from PostgreSQL, Redis and the clients' logs directly: the system is asked nothing."""

import time
from collections import namedtuple

PENDING, PAID, CANCELLED, EXPIRED, REJECTED, REFUNDED = 2, 3, 4, 5, 6, 7
ACTIVE = (PENDING, PAID)
PAY_PENDING, PAY_CAPTURED, PAY_DECLINED, PAY_REFUND_DUE, PAY_REFUNDED = 1, 2, 3, 4, 5
DEAD_OPEN, DEAD_REQUEUEING, DEAD_REQUEUED, DEAD_DISCARDED = 1, 2, 3, 4
OP_BEGUN, OP_DONE, OP_REFUSED = 1, 2, 3

Order = namedtuple("Order", "rid user_id quantity status reserved_us sequence price_cents", defaults=(0,))
Confirmed = namedtuple("Confirmed", "user_id key order_id quantity sequence at_us", defaults=(None,))  # at_us: None = not known
Promise = namedtuple("Promise", "kind user_id order_id payment_id status code")  # an answer to a pay or a cancel
Payment = namedtuple("Payment", "payment_id rid key outcome amount_cents status")
Event = namedtuple("Event", "event_id payment_id outcome amount_cents")
StockOp = namedtuple("StockOp", "op_id delta state")

REST_S = 60
SOON_US = 30000000


class Facts:
    """What is known of one sale, at rest."""

    def __init__(self):
        self.total = 0
        self.initial = None     # stock when the sale was made; None = not known
        self.sold = 0
        self.starts_us = 0
        self.ends_us = 0
        self.lost_with_disk = 0
        self.wipes_us = None    # when Redis lost its disk, by the clock of `confirmed`; None = not known
        self.orders = []        # Order, as PostgreSQL has them
        self.ledger = {}        # rid: [(kind, units)]
        self.boxed = []         # rids in release_box
        self.payments = []      # Payment
        self.events = []        # Event: what the provider said
        self.moves = {}         # rid: [event], in order
        self.dead = {}          # rid: state of its dead letter
        self.stock_ops = []     # StockOp
        self.gate_left = 0
        self.gate_rids = set()  # that the gate knows, held or released
        self.gate_held = set()  # of these, held
        self.journal = 0        # entries
        self.confirmed = []     # Confirmed, from the clients' logs
        self.promises = []      # Promise, from the clients' logs
        self.prices = None      # prices that the sale ever had; None = not known


def confirmed_of(rows, ids):
    """The 201s of a crowd's log; `ids` are the users' numbers in the order of the tokens."""
    return [Confirmed(ids[row.user], row.key, row.order_id, row.quantity, row.sequence, row.at_us) for row in rows if row.status == 201]


def promises_of(acts, ids):
    """What a crowd was told about payments and cancels."""
    return [Promise(act.kind, ids[act.user], act.order_id, act.payment_id and act.payment_id.replace("-", ""), act.status, act.code)
            for act in acts if act.status]


def read(instance, sale_id, confirmed, promises=(), initial=None, prices=None, wipes_us=None):
    facts = Facts()
    facts.wipes_us = wipes_us
    facts.confirmed, facts.promises, facts.initial, facts.prices = confirmed, list(promises), initial, prices
    _read_orders(instance, sale_id, facts)
    _read_money(instance, sale_id, facts)
    _read_gate(instance, sale_id, facts)
    return facts


def _read_orders(instance, sale_id, facts):
    ((total, sold, starts_ms, ends_ms, lost),) = instance.sql(
        "SELECT k.total, k.sold, s.starts_at_ms, s.ends_at_ms, s.lost_with_disk FROM sale s JOIN sale_sku k USING (sale_id)"
        f" WHERE sale_id = {sale_id}")
    facts.total, facts.sold, facts.lost_with_disk = int(total), int(sold), int(lost)
    facts.starts_us, facts.ends_us = int(starts_ms) * 1000, int(ends_ms) * 1000
    facts.orders = [Order(rid, *map(int, rest)) for rid, *rest in instance.sql(
        f"SELECT encode (rid, 'hex'), user_id, quantity, status, reserved_us, sequence, price_cents FROM orders WHERE sale_id = {sale_id}")]
    for rid, kind, units in instance.sql(f"SELECT encode (rid, 'hex'), kind, units FROM ledger WHERE sale_id = {sale_id}"):
        facts.ledger.setdefault(rid, []).append((kind, int(units)))
    facts.boxed = [rid for (rid,) in instance.sql(f"SELECT encode (rid, 'hex') FROM release_box WHERE sale_id = {sale_id}")]
    for rid, event in instance.sql("SELECT encode (m.rid, 'hex'), event FROM order_move m"
                                   f" JOIN orders o ON o.rid = m.rid AND o.sale_id = {sale_id} ORDER BY m.place"):
        facts.moves.setdefault(rid, []).append(event)
    facts.dead = {rid: int(state) for rid, state in instance.sql(
        f"SELECT encode (rid, 'hex'), state FROM dead_letter WHERE sale_id = {sale_id} ORDER BY place")}
    facts.stock_ops = [StockOp(op_id, int(delta), int(state)) for op_id, delta, state in instance.sql(
        f"SELECT encode (op_id, 'hex'), delta, state FROM stock_op WHERE sale_id = {sale_id}")]


def _read_money(instance, sale_id, facts):
    facts.payments = [Payment(payment_id, rid, key, outcome, int(amount), int(status)) for payment_id, rid, key, outcome, amount, status
                      in instance.sql("SELECT encode (payment_id, 'hex'), encode (rid, 'hex'), key, outcome, amount_cents, status"
                                      f" FROM payment WHERE sale_id = {sale_id}")]
    facts.events = [Event(event_id, payment_id, int(outcome), int(amount)) for event_id, payment_id, outcome, amount in instance.sql(
        "SELECT e.event_id, encode (e.payment_id, 'hex'), e.outcome, e.amount_cents FROM payment_event e"
        f" JOIN payment p USING (payment_id) WHERE p.sale_id = {sale_id}")]


def _read_gate(instance, sale_id, facts):
    with instance.redis() as redis:
        prefix = "{s%s}:" % sale_id
        epoch = int(redis("HGET", prefix + "g", "ep"))
        facts.gate_left = int(redis("GET", f"{prefix}{epoch}:a"))
        fields = redis("HGETALL", f"{prefix}{epoch}:r")
        records = {rid.hex(): record for rid, record in zip(fields[::2], fields[1::2]) if len(rid) == 16}
        facts.gate_rids = set(records)
        facts.gate_held = {rid for rid, record in records.items() if record.startswith(b"h")}
        facts.journal = redis("XLEN", f"{prefix}{epoch}:x")


def _journal_length(instance, sale_id):
    with instance.redis() as redis:
        prefix = "{s%s}:" % sale_id
        epoch = redis("HGET", prefix + "g", "ep")
        return redis("XLEN", f"{prefix}{int(epoch)}:x") if epoch else 0


def unrest(instance, sale_id):
    """What still moves, as {name: count} of what is not 0: entries of the journal, payments that a provider has still to decide (of an order
    that cannot be paid any more nobody asks again), orders whose time is nearly over, money on its way back, units on their way to the gate,
    stock changes and requeues half done."""
    # First: the entry of an order that is final already puts its units into the release box once more.
    journal = _journal_length(instance, sale_id)
    ((*counts,),) = instance.sql(f"""SELECT
        (SELECT count(*) FROM payment p JOIN orders o USING (rid, sale_id)
         WHERE p.sale_id = {sale_id} AND p.status = {PAY_PENDING} AND p.outcome <> 'hang' AND o.status = {PENDING}),
        (SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = {PENDING} AND pay_before_us < clock_us () + {SOON_US}),
        (SELECT count(*) FROM payment WHERE sale_id = {sale_id} AND status = {PAY_REFUND_DUE}),
        (SELECT count(*) FROM release_box WHERE sale_id = {sale_id}),
        (SELECT count(*) FROM stock_op WHERE sale_id = {sale_id} AND state = {OP_BEGUN}),
        (SELECT count(*) FROM dead_letter WHERE sale_id = {sale_id} AND state = {DEAD_REQUEUEING})""")
    names = ("journal", "undecided payments", "orders about to expire", "refunds due", "release box", "stock changes", "requeues")
    return {name: int(count) for name, count in zip(names, (journal, *counts)) if int(count)}


def wait_for_rest(instance, sale_id, deadline_s=REST_S):
    """Waits until nothing of a sale moves. Returns what still does at the deadline: {} is what one wants."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            moving = unrest(instance, sale_id)
        except OSError as error:
            moving = {str(error): 1}
        if not moving or time.monotonic() > end:
            return moving
        time.sleep(0.1)
