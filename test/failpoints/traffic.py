"""What goes on while processes end: a steady crowd through one sale after the other, and a driver that goes through every call of
the contract. A call that this build does not have yet is answered 404 and does no harm."""

import itertools
import pathlib
import random
import re
import signal
import threading
import time

from outside import crowd
from outside.facts import Confirmed
from outside.instance import PASSWORD
from outside.orders import take_back
from outside.waiting import TooLate, until

# What a process that ends under it may do to a question: it is simply not answered, or not as hoped.
SETBACKS = (OSError, AssertionError, AttributeError, KeyError, TypeError, ValueError, LookupError)

SHOPPERS = 2500       # of one sale; about half of them find something left
STOCK = 2000
RATE_PER_S = 120
CLIENT_RETRIES = 8
# Answers that no fault explains: the sale is there, and its shoppers are who they say.
STRANGE = (400, 401, 403, 404, 405, 500)


def retried(what, deadline_s, action):
    """`action` until it succeeds."""
    made = []

    def attempt():
        try:
            made.append(action())
        except SETBACKS:
            return False
        return True
    until(what, deadline_s, attempt, 0.05)
    return made[0]


class Crowds(threading.Thread):
    """One sale after the other, each with a crowd of its own, until it is told to stop. `done`: (sale_id, confirmed)."""

    def __init__(self, instance, seed):
        super().__init__(daemon=True)
        self.instance, self.seed = instance, seed
        self.stopping = threading.Event()
        self.done, self.sale_id, self.failure = [], None, None
        self.answers, self.strange = {}, []

    def run(self):
        try:
            for number in itertools.count():
                if self.stopping.is_set():
                    return
                self._one_sale(self.seed * 1000 + number)
        except Exception as error:  # told by whoever joins
            self.failure = error

    def _one_sale(self, seed):
        tokens = self.instance.tokens(SHOPPERS)
        self.sale_id = retried("a sale is published", 60, lambda: self.instance.sale(STOCK, per_user_limit=2))
        one = crowd.Crowd(self.instance.port, self.sale_id, tokens, log=True, connections=48, rate=RATE_PER_S, quantity="1-2",
                          retry_per_mille=200, new_key_per_mille=80, seed=seed, client_retries=CLIENT_RETRIES)
        while one.is_running() and not self.stopping.is_set():
            time.sleep(0.1)
        summary = one.stop() if one.is_running() else one.wait()
        for name, count in summary["answers_by"].items():
            self.answers[name] = self.answers.get(name, 0) + count
        rows = list(one.rows())
        self.strange += [f"{row.at_us} {row.status} {row.code} {self.sale_id}" for row in rows if row.status in STRANGE]
        self.done.append((self.sale_id, confirmed_of(rows, crowd.user_ids(tokens))))
        pathlib.Path(tokens).unlink()

    def stop(self):
        self.stopping.set()
        self.join(120)
        if self.failure:
            raise self.failure


def confirmed_of(rows, ids):
    return [Confirmed(ids[row.user], row.key, row.order_id, row.quantity, row.sequence) for row in rows if row.status == 201]


class Driver:
    """One shopper and one operator, again and again. Three threads: one does everything in turn, two do what leads to the
    point that is armed just now."""

    def __init__(self, instance, crowds, seed, counted):
        self.instance, self.crowds, self.counted = instance, crowds, counted
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.focus = None
        self.tokens_path = instance.tokens(4000)
        tokens = pathlib.Path(self.tokens_path).read_text(encoding="ascii").split()
        self.shoppers = iter(zip(crowd.user_ids(self.tokens_path), tokens))
        self.sale_id = instance.sale(3000, per_user_limit=2)
        self.confirmed = {self.sale_id: []}
        self.numbers = itertools.count(1)
        self.threads = [threading.Thread(target=self._do_all, daemon=True), threading.Thread(target=self._do_focus, daemon=True),
                        threading.Thread(target=self._do_focus, daemon=True)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "the driver does not end"

    def aim(self, point):
        """From now on first of all what leads to `point`; None: nothing in particular."""
        self.focus = point and next((action for pattern, action in AIMS if re.search(pattern, point)), None)

    def _do_all(self):
        for action in itertools.cycle([action for rare in RARE for action in [*ACTIONS * 3, rare]]):
            if self.stopping.wait(0.08):
                return
            self._do(action)

    def _do_focus(self):
        while not self.stopping.wait(0.03):
            if self.focus:
                self._do(self.focus)

    def _do(self, action):
        try:
            action(self)
        except SETBACKS:
            pass

    def _number(self):
        with self.lock:
            return next(self.numbers)

    def _shopper(self):
        with self.lock:
            return next(self.shoppers)

    def _operate(self, method, path, body=None, headers=None):
        return self.instance.call(method, path, body, self.instance.operator, headers, timeout_s=4)

    # ---------------------------------------------------------------- shoppers

    def _buy(self, sale_id, key, user_id, token, quantity=1):
        """With the same key until there is an answer. Returns the order's number, or None."""
        for _ in range(6):
            try:
                answer = self.instance.buy(sale_id, token, key, quantity, timeout_s=5)
            except OSError:
                continue
            if answer.status == 201:
                body = answer.body
                with self.lock:
                    self.confirmed[sale_id].append(Confirmed(user_id, key, body["order_id"], body["quantity"], body["sequence"]))
                return body["order_id"]
            if answer.status < 500 and answer.status != 429:
                return None
        return None

    def do_buy(self):
        """A purchase, and everything that its shopper may ask about it."""
        user_id, token = self._shopper()
        key = f"d-{self._number()}"
        order_id = self._buy(self.sale_id, key, user_id, token, 1 + user_id % 2)
        ask = self.instance.call
        ask("GET", f"/sales/{self.sale_id}/purchases/{key}", token=token, timeout_s=4)
        ask("GET", f"/orders/{order_id}", token=token, timeout_s=4)
        ask("GET", "/orders", token=token, timeout_s=4)
        return order_id, token

    def do_pay(self):
        order_id, token = self.do_buy()
        outcome = self.random.choice(("succeed", "succeed", "decline"))
        for key in ("pay-1", "pay-1", "pay-2"):
            self.instance.call("POST", f"/orders/{order_id}/payments", {"method": "test", "outcome": outcome}, token,
                               {"Idempotency-Key": key}, timeout_s=5)
        self._operate("GET", f"/admin/orders/{order_id}")

    def do_cancel(self):
        """Units come back; half of the time they are bought again by the same shopper."""
        order_id, token = self.do_buy()
        take_back(self.instance, self.sale_id, order_id, token)
        if self.random.random() < 0.5:
            user_id, other = self._shopper()
            self._buy(self.sale_id, f"d-{self._number()}", user_id, other)

    def do_overdue(self):
        """An order that nobody pays in time."""
        sale_id = self.instance.sale(5, pay_within_s=1)
        with self.lock:
            self.confirmed[sale_id] = []
        self._buy(sale_id, f"d-{self._number()}", *self._shopper())

    # ---------------------------------------------------------------- operators

    def do_operate(self):
        """A small sale from its draft to its end."""
        sale_id = self.instance.draft(4)
        change = {"title": f"Sale {sale_id}"}
        self._operate("GET", f"/admin/sales/{sale_id}")
        self._operate("PATCH", f"/admin/sales/{sale_id}", change)
        self.instance.move(sale_id, "publish")
        with self.lock:
            self.confirmed[sale_id] = []
        self._buy(sale_id, f"d-{self._number()}", *self._shopper())
        self._operate("PATCH", f"/admin/sales/{sale_id}", {**change, "price_cents": 1000 + self._number() % 500})
        for delta in (3, -1):
            for _ in range(2):
                self._operate("POST", f"/admin/sales/{sale_id}/stock", {"delta": delta, "reason": "failpoints"},
                              {"Idempotency-Key": f"s{delta}-{sale_id}"})
        for verb in ("pause", "resume", "end"):
            self.instance.move(sale_id, verb)
        self._operate("GET", "/admin/sales")

    def do_look(self):
        for path in ("log", "limits", "actors", "dead-letters", f"sales/{self.sale_id}/audit", f"sales/{self.sale_id}/stats"):
            self._operate("GET", f"/admin/{path}")

    def do_limits(self):
        self._operate("PATCH", "/admin/limits", {"user": {"count": 1000 + self._number() % 2, "window_ms": 1000}})

    def do_scale(self):
        """To another number and back: never fewer than the rig waits for."""
        kind, count = self.random.choice((("limiter", 1), ("ordering", 2)))
        for wanted in (count + 1, count):
            self._operate("POST", f"/admin/actors/{kind}", {"count": wanted})
            self.stopping.wait(0.3)

    # ---------------------------------------------------------------- accounts

    def do_account(self):
        name = {"username": f"shopper-{self._number()}", "password": PASSWORD}
        ask = self.instance.call
        ask("POST", "/accounts", name, timeout_s=5)
        token = ask("POST", "/sessions", name, timeout_s=5).body["access_token"]
        ask("GET", "/sessions/current", token=token, timeout_s=5)
        ask("PUT", "/accounts/me/password", {"current_password": PASSWORD, "new_password": PASSWORD + "!"}, token, timeout_s=5)
        name["password"] += "!"
        token = ask("POST", "/sessions", name, timeout_s=5).body["access_token"]
        ask("DELETE", "/sessions/current", token=token, timeout_s=5)

    # ---------------------------------------------------------------- trouble of other kinds

    def do_recover(self):
        """A gate that seems to be of another run of Redis: closed, drained, rebuilt under the next epoch. Nothing is lost."""
        sale_id = self.random.choice([self.sale_id, self.crowds.sale_id or self.sale_id])
        with self.instance.redis() as redis:
            if redis("EXISTS", "{s%s}:g" % sale_id):
                redis("HSET", "{s%s}:g" % sale_id, "run", "of another life")
        self.counted["gates closed"] += 1
        time.sleep(0.3)

    def do_kill_redis(self):
        self.instance.kill("redis")
        self.counted["redis killed"] += 1
        time.sleep(1)

    def do_kill_postgres(self):
        self.instance.kill("postgres")
        self.counted["postgres killed"] += 1
        time.sleep(3)

    def do_poison(self):
        """A journal entry that can never become an order, in a sale of its own that nobody audits; then dead letters are dealt with."""
        sale_id = self.instance.sale(10)
        with self.instance.redis() as redis:
            epoch = int(redis("HGET", "{s%s}:g" % sale_id, "ep"))
            rid = int(sale_id).to_bytes(6, "big") + bytes([0x80]) + b"poison" + self._number().to_bytes(3, "big")
            journal = "{s%s}:%d:x" % (sale_id, epoch)
            entry = redis("XADD", journal, "*", "rid", rid, "user", "0", "qty", "0", "price", "1", "seq", "1", "at", "1", "pay", "1",
                          "hash", "1", "trace", bytes(16))
            self.counted["poison"] += 1
            self.stopping.wait(1)
            redis("XDEL", journal, entry)
        for letter in self._operate("GET", "/admin/dead-letters").body["dead_letters"]:
            self._operate("POST", f"/admin/dead-letters/{letter['id']}/{self.random.choice(('requeue', 'discard'))}", {})

    def do_kill_broker(self):
        self.instance.kill("broker/1")
        self.counted["broker killed besides"] += 1
        time.sleep(1)

    def do_term(self):
        kind = self.random.choice(("limiter", "seckill", "account", "edge/2", "ordering/2", "inventory/1", "broker/2"))
        self.instance.kill(kind, signal.SIGTERM)
        self.counted["asked to leave"] += 1
        time.sleep(1)


ACTIONS = [Driver.do_buy, Driver.do_cancel, Driver.do_operate, Driver.do_look, Driver.do_pay, Driver.do_buy, Driver.do_limits,
           Driver.do_recover, Driver.do_account, Driver.do_scale, Driver.do_overdue]
RARE = [Driver.do_poison, Driver.do_term, Driver.do_kill_redis, Driver.do_kill_postgres]

# What leads to a point, the first that matches.
AIMS = (
    (r"epoch_|gate_close|gate_load|gate_open|recovering", Driver.do_recover),
    (r"leave$", Driver.do_term),
    (r"\.(ping|pong)$", Driver.do_kill_broker),
    (r"^account|session|account|password|denial|credentials", Driver.do_account),
    (r"limits", Driver.do_limits),
    (r"log_add|\.scale$", Driver.do_scale),
    (r"dead_|reject|readmit", Driver.do_poison),
    (r"release|cancel", Driver.do_cancel),
    (r"pay|charge|moment", Driver.do_pay),
    (r"due|expire", Driver.do_overdue),
    (r"sale_(create|change|reply|edit|get|list|stock|load)|stock_|gate_(update|stock)|snapshot_ack|\.sales$", Driver.do_operate),
    (r"audit|books|log|directory|stock$|order_counts|tally", Driver.do_look),
    (r"holding|lookup|order_|\.orders$|outcome", Driver.do_buy),
)


def warm_up(driver):
    """Everything once, so that the points on the way are known."""
    for action in dict.fromkeys([*ACTIONS, *RARE[:2]]):
        try:
            retried(action.__name__, 5, lambda action=action: action(driver))
        except TooLate:
            pass
