"""Payments against cancels and against time, by the tens of thousands: whoever comes first, money and units are exact."""

import collections
import json
import multiprocessing
import os
import pathlib
import random
import time
import traceback

from outside import auditor
from outside.crowd import user_ids
from outside.facts import Confirmed, Promise
from outside.lifecycle import Provider, new_key
from outside.raw_http import Line, request
from outside.waiting import now_us
from sales import check_books

PAIRS = int(os.environ.get("MINISHOP_RACE_PAIRS", "2000"))
SEED = int(os.environ.get("MINISHOP_RACE_SEED", "7"))
PROCESSES = 4
TOGETHER = 16        # pairs of one process that race at the same time, on three connections each
EXPIRY_SHARE = 0.2   # of all pairs
RETRIES = 20
PRICE_CENTS = 1999


class Pair:
    """One order, its payments, and the requests that race for it."""

    def __init__(self, number, user_id, token, lines):
        self.number, self.user_id, self.token, self.lines = number, user_id, token, lines
        self.key = new_key("race")
        self.body, self.payments = None, []

    def call(self, method, path, body, key=None):
        headers = [("Authorization", f"Bearer {self.token}"), ("Content-Type", "application/json")]
        if key:
            headers.append(("Idempotency-Key", key))
        return request(method, "/api/v1" + path, headers, json.dumps(body).encode())


class Worker:
    """Races the pairs it is given, TOGETHER at a time; `told` is what its clients were told."""

    def __init__(self, instance, ports, sale_id, seed, has_expiry):
        self.provider = Provider(instance)
        self.sale_id, self.has_expiry = sale_id, has_expiry
        self.random = random.Random(seed)
        self.lines = [[Line(ports[(group + number) % len(ports)]) for number in range(3)] for group in range(TOGETHER)]
        self.told = {"confirmed": [], "promises": [], "answers": collections.Counter()}

    def run(self, shoppers):
        for first in range(0, len(shoppers), TOGETHER):
            pairs = [Pair(first + number, *shopper, self.lines[number]) for number, shopper in enumerate(shoppers[first:first + TOGETHER])]
            self._buy(pairs)
            self._pay(pairs)
            if self.has_expiry:
                # Around the moment in which the last of them is due: some come early, some late, some just then.
                due_s = max(pair.body["pay_before_ms"] for pair in pairs) / 1000 + self.random.uniform(-0.1, 0.25)
                time.sleep(max(0.0, due_s - time.time()))
            self._race(pairs)
        return self.told

    def _ask(self, line, data, kind, wanted):
        """Answer to what may be asked again, asked until it is one of the contract's final ones."""
        for _ in range(RETRIES):
            line.send(data)
            answer = line.receive()
            self.told["answers"][f"{kind} {answer.status} {answer.code}"] += 1
            if answer.status and answer.status < 500:
                break
            time.sleep(0.2)
        assert answer.status in wanted, f"{kind}: {answer}"
        return answer

    def _all(self, asked, kind, wanted):
        """Sends all of [(pair, line, data)] before it reads the first answer: [(pair, answer)]."""
        for _, line, data in asked:
            line.send(data)
        answers = []
        for pair, line, data in asked:
            answer = line.receive()
            self.told["answers"][f"{kind} {answer.status} {answer.code}"] += 1
            if answer.status not in wanted:
                answer = self._ask(line, data, kind + " again", wanted)
            answers.append((pair, answer))
        return answers

    def _buy(self, pairs):
        asked = [(pair, pair.lines[0], pair.call("POST", f"/sales/{self.sale_id}/purchases", {"quantity": 1 + pair.number % 2}, pair.key))
                 for pair in pairs]
        for pair, answer in self._all(asked, "buy", (201,)):
            pair.body = json.loads(answer.body)
            self.told["confirmed"].append(Confirmed(pair.user_id, pair.key, pair.body["order_id"], pair.body["quantity"], pair.body["sequence"]))

    def _pay(self, pairs):
        """A payment that hangs, so that this test says what becomes of it; every third shopper has two. Of those whose time is over
        before they are heard, none has any."""
        asked = [(pair, pair.lines[number], pair.call("POST", f"/orders/{pair.body['order_id']}/payments", {"method": "test", "outcome": "hang"},
                                                      f"{pair.key}-p{number}"))
                 for pair in pairs for number in range(2 if pair.number % 3 == 0 else 1)]
        for pair, answer in self._all(asked, "pay", (201, 409) if self.has_expiry else (201,)):
            if answer.status == 201:
                payment_id = json.loads(answer.body)["payment_id"]
                pair.payments.append(payment_id)
                self.told["promises"].append(Promise("pay", pair.user_id, pair.body["order_id"], payment_id.replace("-", ""), 201, "none"))

    def _race(self, pairs):
        """A cancel and a captured webhook, twice, all at once and in any order. With two payments each is captured; with one the
        webhook's copy is sometimes another event, as of a provider that forgot."""
        asked, again = [], []
        for pair in pairs:
            events = [Provider.event(payment_id, pair.body) for payment_id in pair.payments]
            if len(events) == 1:
                events.append(Provider.event(pair.payments[0], pair.body) if pair.number % 7 == 1 else events[0])
            calls = [("webhook", self.provider.request(event)) for event in events]
            if not self.has_expiry or pair.number % 2 == 0:
                calls.append(("cancel", pair.call("POST", f"/orders/{pair.body['order_id']}/cancel", {})))
            self.random.shuffle(calls)
            asked += [(kind, pair, line, data) for (kind, data), line in zip(calls, pair.lines)]
            again += [(pair, data) for kind, data in calls if kind == "webhook"]
        self.random.shuffle(asked)
        for _, _, line, data in asked:
            line.send(data)
        for kind, pair, line, data in asked:
            answer = line.receive()
            self.told["answers"][f"{kind} {answer.status} {answer.code}"] += 1
            wanted = (200, 409) if kind == "cancel" else (200,)
            if answer.status not in wanted:
                answer = self._ask(line, data, kind + " again", wanted)
            if kind == "cancel":
                self.told["promises"].append(Promise("cancel", pair.user_id, pair.body["order_id"], None, answer.status, answer.code))
        for pair, data in again[::5]:  # late copies
            self._ask(pair.lines[0], data, "late webhook", (200,))


def _work(queue, *arguments):
    shoppers = arguments[-1]
    try:
        queue.put(Worker(*arguments[:-1]).run(shoppers))
    except Exception:  # to be shown by the parent
        queue.put(traceback.format_exc())


def race(instance, sale_id, count, has_expiry):
    """Runs `count` pairs on PROCESSES processes. Returns what the clients were told."""
    path = instance.tokens(count)
    shoppers = list(zip(user_ids(path), pathlib.Path(path).read_text(encoding="ascii").split()))
    ports = [*instance.edge_ports(), instance.port]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_work, daemon=True, args=(queue, instance, ports, sale_id, SEED + number, has_expiry,
                                                               shoppers[number::PROCESSES])) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    told = {"confirmed": [], "promises": [], "answers": collections.Counter()}
    for _ in workers:
        part = queue.get(timeout=60 + count)
        assert not isinstance(part, str), part
        for name, value in part.items():
            told[name] += value
    for worker in workers:
        worker.join(30)
    return told


def outcomes(instance, sale_id):
    """{what became of an order and its money: count}."""
    return {f"{status}/{money}": int(count) for status, money, count in instance.sql(
        f"""SELECT CASE o.status WHEN 2 THEN 'pending' WHEN 3 THEN 'paid' WHEN 4 THEN 'cancelled' WHEN 5 THEN 'expired' ELSE o.status::text END,
                   coalesce (p.money, 'none'), count(*)
            FROM orders o LEFT JOIN (
                SELECT rid, string_agg (CASE status WHEN 1 THEN 'pending' WHEN 2 THEN 'captured' WHEN 5 THEN 'refunded' ELSE status::text END,
                                        '+' ORDER BY status) AS money
                FROM payment WHERE sale_id = {sale_id} GROUP BY rid) p USING (rid)
            WHERE o.sale_id = {sale_id} GROUP BY 1, 2 ORDER BY 1, 2""")}


def check_money(instance, sale_id, told):
    """Units and money to the cent: what the provider took and did not give back is the price of what is paid."""
    check_books(instance, sale_id, told["confirmed"], told["promises"], prices={PRICE_CENTS})
    ((kept, owed),) = instance.sql(
        f"""SELECT coalesce ((SELECT sum (amount_cents) FROM payment WHERE sale_id = {sale_id} AND status = 2), 0),
                   coalesce ((SELECT sum (quantity * price_cents) FROM orders WHERE sale_id = {sale_id} AND status = 3), 0)""")
    assert kept == owed, f"{kept} cents were kept, the paid orders cost {owed}"
    return int(kept)


def show(instance, sale_id, told, count, seconds):
    found = outcomes(instance, sale_id)
    return f"{count} pairs in {seconds:.0f} s, seed {SEED}: {found}; answers {dict(told['answers'].most_common())}"


def test_pay_against_cancel(instance):
    """Payments captured by duplicated webhooks race cancels of the same orders: either the order is paid or its money goes back."""
    count = int(PAIRS * (1 - EXPIRY_SHARE))
    sale_id = instance.sale(2 * count, per_user_limit=2, price_cents=PRICE_CENTS, pay_within_s=3600)
    begin = now_us()
    told = race(instance, sale_id, count, False)
    moving = auditor.wait_for_rest(instance, sale_id, 120)
    assert not moving, f"{moving}; {show(instance, sale_id, told, count, (now_us() - begin) / 1e6)}"
    check_money(instance, sale_id, told)
    found = outcomes(instance, sale_id)
    assert set(found) <= {"paid/captured", "paid/captured+refunded", "cancelled/refunded", "cancelled/refunded+refunded"}, found
    assert len(found) == 4, f"a branch of the race never ran: {found}"
    return show(instance, sale_id, told, count, (now_us() - begin) / 1e6)


def test_pay_against_expiry(instance):
    """The same at the moment in which the time to pay ends, with and without a cancel: paid, or ended with the money given back."""
    count = int(PAIRS * EXPIRY_SHARE)
    sale_id = instance.sale(2 * count, per_user_limit=2, price_cents=PRICE_CENTS, pay_within_s=1)
    begin = now_us()
    told = race(instance, sale_id, count, True)
    moving = auditor.wait_for_rest(instance, sale_id, 120)
    assert not moving, f"{moving}; {show(instance, sale_id, told, count, (now_us() - begin) / 1e6)}"
    check_money(instance, sale_id, told)
    found = outcomes(instance, sale_id)
    ended = {status: sum(number for name, number in found.items() if name.startswith(status)) for status in ("paid", "expired", "pending")}
    assert ended["pending"] == 0 and ended["paid"] > 0 and ended["expired"] > 0, f"a branch of the race never ran: {found}"
    return show(instance, sale_id, told, count, (now_us() - begin) / 1e6)
