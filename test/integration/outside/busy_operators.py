"""Operators at work while things break, and some shoppers that a crowd has not: mismatches, poisoned orders. A thread of its own."""

import collections
import random
import threading
import time

from . import operators
from .instance import Answer
from .lifecycle import new_key
from .waiting import now_us

PAUSE_S = (0.2, 1.2)  # between two acts
ACTS = {"stock added": 20, "stock taken": 16, "price edited": 12, "paused and resumed": 3, "order cancelled": 12, "mismatch": 12,
        "poison": 8, "dead letter": 10}
SOLD_PRICE_CENTS = 1999
RESUME_S = 120
TRIES = 5


class BusyOperators:
    """`promised` has what they were told is done, for the auditor; `acts` counts (act, status)."""

    def __init__(self, instance, sale_id, tokens, poison_tokens, seed):
        self.instance, self.sale_id = instance, sale_id
        self.dice = random.Random(seed)
        self.tokens, self.poison_tokens = list(tokens), list(poison_tokens)
        self.acts = collections.Counter()
        self.prices = {SOLD_PRICE_CENTS}
        self.stock_keys_done = set()
        self.cancelled = set()   # order ids that an operator was told are cancelled
        self.bought = []         # (token, key, order)
        self.paused_us = []      # (from, to)
        self.problems = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def end(self):
        self.stopping.set()
        self.thread.join(RESUME_S + 60)
        if self.thread.is_alive():
            self.problems.append("the operators are still waiting for an answer")

    def _run(self):
        while not self.stopping.wait(self.dice.uniform(*PAUSE_S)):
            act = self.dice.choices(list(ACTS), ACTS.values())[0]
            try:
                getattr(self, "_" + act.replace(" ", "_"))(act)
            except (OSError, AssertionError, IndexError, KeyError, TypeError, AttributeError):  # no answer, or none of the contract's
                self.acts[act, "no answer"] += 1

    def _ask(self, act, call):
        """An operator tries again, as a client does. Returns the last answer."""
        answer = Answer(0, {}, {})
        for _ in range(TRIES):
            try:
                answer = call()
            except OSError:
                answer = Answer(0, {}, {})
            if 0 < answer.status < 500:
                break
            time.sleep(0.3)
        self.acts[act, answer.status] += 1
        return answer

    # ---------------------------------------------------------------- acts

    def _stock(self, act, delta):
        key = new_key("op")
        answer = self._ask(act, lambda: operators.change_stock(self.instance, self.sale_id, delta, key, "chaos"))
        if answer.status == 200:
            self.stock_keys_done.add(key)
            if self.dice.random() < 0.3:  # again: the same change
                self._ask(act + " again", lambda: operators.change_stock(self.instance, self.sale_id, delta, key, "chaos"))

    def _stock_added(self, act):
        self._stock(act, self.dice.randint(1, 40))

    def _stock_taken(self, act):
        self._stock(act, -self.dice.randint(1, 40))

    def _price_edited(self, act):
        price = self.dice.randint(1000, 3000)
        self.prices.add(price)  # it may be in force although nobody said so
        self._ask(act, lambda: operators.edit(self.instance, self.sale_id, price_cents=price))

    def _paused_and_resumed(self, act):
        begin_us = now_us()
        self._ask(act, lambda: self.instance.move(self.sale_id, "pause"))
        end = time.monotonic() + RESUME_S
        while time.monotonic() < end:
            try:
                if self.instance.move(self.sale_id, "resume").status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.2)
        else:
            self.problems.append(f"a paused sale could not be resumed within {RESUME_S} s")
        self.paused_us.append((begin_us, now_us()))

    def _order_cancelled(self, act):
        rows = self.instance.sql(f"SELECT encode (rid, 'hex')::uuid FROM orders WHERE sale_id = {self.sale_id} AND status = 2"
                                 " ORDER BY place DESC LIMIT 20")
        order_id = self.dice.choice(rows)[0]
        answer = self._ask(act, lambda: self.instance.as_operator("POST", f"/admin/orders/{order_id}/cancel", {"reason": "chaos"}))
        if answer.status == 200:
            self.cancelled.add(order_id)

    def _mismatch(self, act):
        """The same key with another quantity, which must not be another order."""
        token, key = self.tokens.pop(), new_key("mismatch")
        first = self._ask(act + ": first", lambda: self.instance.buy(self.sale_id, token, key, 1))
        if first.status == 201:
            self.bought.append((token, key, first.body))
            second = self._ask(act, lambda: self.instance.buy(self.sale_id, token, key, 2))
            if second.status == 201:
                self.problems.append(f"key {key} was answered 201 for two requests")

    def _poison(self, act):
        token, key = self.poison_tokens.pop(), new_key("poison")
        answer = self._ask(act, lambda: self.instance.buy(self.sale_id, token, key))
        if answer.status == 201:
            self.bought.append((token, key, answer.body))

    def _dead_letter(self, act):
        """Requeues while the poison is still there are fine: a requeued order is not written by the way of the journal."""
        letters = [letter for letter in operators.dead_letters(self.instance) if str(letter["message"]["sale_id"]) == str(self.sale_id)]
        if letters:
            letter, verb = self.dice.choice(letters), self.dice.choice(("requeue", "discard"))
            self._ask(f"{act} {verb}", lambda: operators.decide(self.instance, letter["id"], verb))
