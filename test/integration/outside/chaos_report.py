"""Figures of scripts/chaos: rare branches, recovery times against their gates, availability."""

import collections

from .faults_at_random import LASTING
from .instance import STORES

# ms; ARCHITECTURE.md has the same gates
GATES_MS = {"actor": 500, "broker": 1000, "redis": 3000, "wipe": 5000, "postgres": 6000, "nginx": 500, "everything": 15000}
SERVED_WITHIN = 2000  # confirmed orders after a fault that are looked at for the first one of somebody who came after it


def _by_name(*names):
    return lambda name, labels: name in names


def _by_code(code, *names):
    return lambda name, labels: (not names or name in names) and f'code="{code}"' in labels


# A branch that ran 0 times has shown nothing. (branch, which counters of schema/metrics.def it is)
BRANCHES = {
    "mismatch": _by_code("idempotency_mismatch", "minishop_decided_total"),
    "duplicate": _by_code("already_purchased", "minishop_decided_total"),
    "late": _by_code("late", "minishop_decided_total"),
    "resend": _by_name("minishop_resends_total"),
    "fenced": lambda name, labels: "fenced" in name or 'code="fenced"' in labels,
    "unknown": _by_name("minishop_verdicts_withheld_total"),
    "store call without an answer": _by_name("minishop_store_calls_failed_total"),
    "stale epoch": _by_code("stale_epoch"),
    "wrong incarnation": _by_name("minishop_wrong_incarnation_total"),
    "redelivery": _by_name("minishop_redeliveries_total"),
    "failed delivery counted": _by_name("minishop_delivery_failures_counted_total"),
    "refusal held back": _by_name("minishop_verdicts_held_total"),
    "unmatched verdict": _by_name("minishop_verdicts_unmatched_total"),
    "gate rebuilt": _by_name("minishop_recoveries_total"),
    "process restarted": _by_name("minishop_restarts_total"),
}
# What only the books and the clients' logs show.
SQL_BRANCHES = {
    "tombstone": "SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 4 AND committed_us = changed_us",
    "dead letter": "SELECT count(*) FROM dead_letter WHERE sale_id = {sale_id}",
    "requeue": "SELECT count(*) FROM dead_letter WHERE sale_id = {sale_id} AND state = 3",
    "expired": "SELECT count(*) FROM orders WHERE sale_id = {sale_id} AND status = 5",
    "refund": "SELECT count(*) FROM payment WHERE sale_id = {sale_id} AND status = 5",
    "declined": "SELECT count(*) FROM payment WHERE sale_id = {sale_id} AND status = 3",
}


class Branches:
    """Counters begin at 0 with every process, so what they rise by is added up on the way."""

    def __init__(self):
        self.count = collections.Counter()
        self.seen = {}

    def look(self, instance):
        try:
            metrics = instance.metrics()
        except (OSError, ValueError, KeyError, IndexError, AttributeError):
            return  # no edge to ask just now
        for branch, is_meant in BRANCHES.items():
            for name, rows in metrics.items():
                for labels, value in rows.items():
                    if is_meant(name, labels):
                        before = self.seen.get((branch, name, labels), 0)
                        self.count[branch] += int(value - before if value >= before else value)
                        self.seen[branch, name, labels] = value

    def look_at_books(self, instance, sale_id):
        for branch, query in SQL_BRANCHES.items():
            self.count[branch] += int(instance.sql(query.format(sale_id=sale_id))[0][0])

    def look_at_log(self, rows):
        won = set()
        for row in rows:
            self.count["retry"] += row.attempt > 1
            if row.status == 201:
                self.count["replay"] += (row.user, row.key) in won
                won.add((row.user, row.key))

    def text(self):
        names = ["replay", "retry", *BRANCHES, *SQL_BRANCHES]
        return ", ".join(f"{name} {self.count[name]}" for name in names)

    def missing(self):
        return [name for name in ("replay", "retry", *BRANCHES, *SQL_BRANCHES) if not self.count[name]]


def gate_of(fault):
    """The gate that a fault's recovery is measured against, or None where there is nothing to recover from."""
    kind = fault.name.split("/")[0]
    if fault.kind in ("everything", "wipe"):
        return fault.kind
    if fault.kind not in ("kill", "hang", "term"):
        return None
    return kind if kind in STORES or kind == "broker" else "actor"


def _weight(fault):
    """Of overlapping faults the one that takes longest counts; those that last have no gate and outweigh all."""
    name = gate_of(fault)
    return GATES_MS[name] if name else 1 << 62 if fault.kind in LASTING else 0


class Recoveries:
    """From each fault to the first confirmed order of somebody who came after it. A time that falls into one of a larger gate, or of a
    fault that lasts, is that one's. Faults from the sell-out on, and while operators had the sale paused, have no measure."""

    def __init__(self):
        self.times_ms = collections.defaultdict(list)

    def add(self, faults, rows, paused_us):
        sold_out_us = min((row.at_us for row in rows if row.code == "sold_out"), default=1 << 62)
        spans = [(fault, back_us) for fault, back_us in self._backs(faults, rows)]
        for fault, back_us in spans:
            name = gate_of(fault)
            if name is None or back_us is None or back_us >= sold_out_us:
                continue
            if any(begin < back_us and fault.at_us < end for begin, end in paused_us):
                continue
            if not any(_weight(other) > GATES_MS[name] and other.at_us < back_us and fault.at_us < (other_back_us or 1 << 62)
                       for other, other_back_us in spans):
                self.times_ms[name].append((back_us - fault.at_us) / 1000)

    @staticmethod
    def _backs(faults, rows):
        """(fault, time of the first confirmed order of somebody who came after its end, or None)."""
        won = sorted((row.at_us, row.at_us - row.latency_us) for row in rows if row.status == 201)
        index = 0
        for fault in sorted(faults, key=lambda fault: fault.end_us):
            while index < len(won) and won[index][0] < fault.end_us:
                index += 1
            yield fault, next((at_us for at_us, came_us in won[index:index + SERVED_WITHIN] if came_us >= fault.end_us), None)

    def lines(self):
        for name, gate_ms in GATES_MS.items():
            times = sorted(self.times_ms.get(name, []))
            if times:
                p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
                yield (f"    {name:<11} p50 {times[len(times) // 2]:>6.0f}  p99 {p99:>6.0f}  worst {times[-1]:>6.0f}  gate {gate_ms:>6} "
                       f"{'ok  ' if p99 <= gate_ms else 'OVER'} n={len(times)}")


def failed_of(summary):
    """(answers to clients that were neither intended nor repaired by their retries, all that ended), purchases and what followed."""
    bad = all_of = 0
    for part in (summary, summary["pay"], summary["cancel"]):
        bad += sum(count for name, count in part["final_by"].items() if name.startswith(("0 ", "5")))
        all_of += part["finished"]
    return bad, all_of
