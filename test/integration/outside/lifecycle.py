"""What becomes of an order, over the HTTP contract: paying, cancelling, and the provider's signed webhooks."""

import hashlib
import hmac
import itertools
import json
import time
import uuid

from .raw_http import request
from .waiting import until

WEBHOOK = "/api/v1/payments/webhook"
FINAL = ("paid", "cancelled", "expired", "rejected", "refunded")

_numbers = itertools.count(1)


def new_key(prefix="k"):
    """An Idempotency-Key that nobody used."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}-{next(_numbers)}"


def pay(instance, order_id, token, key, outcome=None, port=None, timeout_s=10):
    body = {"method": "test"} if outcome is None else {"method": "test", "outcome": outcome}
    return instance.call("POST", f"/orders/{order_id}/payments", body, token, {"Idempotency-Key": key}, port, timeout_s)


def cancel(instance, order_id, token, port=None, timeout_s=10):
    return instance.call("POST", f"/orders/{order_id}/cancel", {}, token, None, port, timeout_s)


def order(instance, order_id, token, port=None):
    return instance.call("GET", f"/orders/{order_id}", token=token, port=port)


def status_of(instance, order_id, token):
    answer = order(instance, order_id, token)
    return answer.body["status"] if answer.status == 200 else f"{answer.status}"


def until_status(instance, order_id, token, status, deadline_s=20):
    """The order once it has this status. Fails at once when it has ended in another one."""
    def is_there():
        answer = order(instance, order_id, token)
        if answer.status != 200:
            return None
        found = answer.body["status"]
        assert found == status or found not in FINAL or (found, status) == ("paid", "refunded"), f"{found}, not {status}: {answer.body}"
        return answer if found == status else None
    return until(f"order {order_id} is {status}", deadline_s, is_there, 0.02)


def until_payment(instance, order_id, token, payment_id, status, deadline_s=20):
    """The order once a payment of it has this status."""
    def is_there():
        answer = order(instance, order_id, token)
        if answer.status != 200:
            return None
        return answer if {"payment_id": payment_id, "status": status} in answer.body["payments"] else None
    return until(f"payment {payment_id} of order {order_id} is {status}", deadline_s, is_there, 0.02)


def bought(instance, sale_id, token=None, quantity=None, row=True):
    """(token, order) of a new order; with `row` once it is in PostgreSQL."""
    token = token or instance.token_list(1)[0]
    answer = instance.buy(sale_id, token, new_key("buy"), quantity)
    assert answer.status == 201, answer
    if row:
        until_status(instance, answer.body["order_id"], token, "pending_payment")
    return token, answer.body


class Provider:
    """A payment provider that is ours: signs what it says with the instance's secret."""

    def __init__(self, instance):
        self.instance = instance
        self.secret = (instance.folder / "webhook-secret").read_text(encoding="ascii").strip()

    def sign(self, body, at_s=None, secret=None):
        at_s = int(time.time()) if at_s is None else at_s
        digest = hmac.new((secret or self.secret).encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={at_s},v1={digest}"

    @staticmethod
    def event(payment_id, order_body, outcome="captured", event_id=None, amount_cents=None):
        """An event about a payment of an order that was answered with `order_body`."""
        return {"event_id": event_id or new_key("ev"), "payment_id": payment_id, "order_id": order_body["order_id"], "outcome": outcome,
                "amount_cents": order_body["total_cents"] if amount_cents is None else amount_cents}

    def post(self, event, at_s=None, secret=None, signature=None, port=None):
        body = json.dumps(event).encode()
        return self.instance.call("POST", "/payments/webhook", body, None,
                                  {"X-Signature": signature or self.sign(body, at_s, secret)}, port)

    def tell(self, event, deadline_s=20):
        """Posts an event until it is taken, as a provider does."""
        return until(f"webhook {event} is taken", deadline_s, lambda: self.post(event).status == 200, 0.1)

    def request(self, event):
        """The bytes of the call, for connections of one's own."""
        body = json.dumps(event).encode()
        return request("POST", WEBHOOK, [("Content-Type", "application/json"), ("X-Signature", self.sign(body))], body)
