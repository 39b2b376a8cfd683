"""Rows of bad_input's table for what becomes of orders and sales: payments, cancels, webhooks, edits, stock, dead letters."""

import hashlib
import hmac
import json
import time

from outside.raw_http import request

API = "/api/v1"
JSON = ("Content-Type", "application/json")
TEXT = ("Content-Type", "text/plain")
NOBODYS = "00000000-0001-8000-8000-000000000001"
NO_SALE = 281474976710000


class Signer:
    """Signs as a provider does, or as one that must not be believed."""

    def __init__(self, instance):
        self.secret = (instance.folder / "webhook-secret").read_text().rstrip("\n")

    def field(self, body, late_s=0, secret=None, at=None):
        """The X-Signature of these bytes; `at` is the text of the time."""
        at = at if at is not None else str(int(time.time()) - late_s)
        key = (secret if secret is not None else self.secret).encode()
        return "X-Signature", f"t={at},v1=" + hmac.new(key, at.encode() + b"." + body, hashlib.sha256).hexdigest()


def rows(place, attempt, row):
    _payments(place, attempt)
    _cancels(place, attempt)
    _signatures(place, row)
    _events(place, row)
    _edits(place, attempt)
    _stock(place, attempt)
    _dead_letters(place, attempt)


def _payments(place, attempt):
    path = f"{API}/orders/{place.order}/payments"
    good = b'{"method":"test"}'

    def payment(name, status, code, body=good, **more):
        attempt(f"payment: {name}", status, code, path=more.pop("path", path), body=body, **more)
    for name, body in {"no method": b"{}", "nothing": b"", "method card": b'{"method":"card"}', "method 1": b'{"method":1}',
                       "method null": b'{"method":null}', "method with NUL": b'{"method":"test\\u0000"}', "method Test": b'{"method":"Test"}',
                       "empty outcome": b'{"method":"test","outcome":""}', "outcome of a webhook": b'{"method":"test","outcome":"captured"}',
                       "outcome null": b'{"method":"test","outcome":null}', "outcome in a list": b'{"method":"test","outcome":["hang"]}',
                       "an amount": b'{"method":"test","amount_cents":1}'}.items():
        payment(name, 400, "invalid_field", body)
    payment("cut", 400, "malformed_json", b'{"method"')
    payment("text", 415, "unsupported_media_type", kind=TEXT)
    payment("no key", 400, "missing_idempotency_key", key=None)
    payment("key with a blank", 400, "invalid_field", key=("Idempotency-Key", "a b"))
    payment("two keys", 400, "invalid_field", more=[("Idempotency-Key", "bad-2")])
    payment("no token", 401, "unauthenticated", token=None)
    payment("GET", 405, "method_not_allowed", method="GET", body=b"", kind=None)
    payment("malformed order", 404, "not_found", path=f"{API}/orders/zzz/payments")
    payment("order of another version", 404, "not_found", path=f"{API}/orders/{NOBODYS.replace('-8000-8', '-4000-8')}/payments")
    payment("nobody's order", 404, "not_found", path=f"{API}/orders/{NOBODYS}/payments")
    payment("trailing slash", 404, "not_found", path=path + "/")


def _cancels(place, attempt):
    path = f"{API}/orders/{place.order}/cancel"
    operator = ("Authorization", f"Bearer {place.operator}")
    operators = f"{API}/admin/orders/{place.order}/cancel"

    def cancel(name, status, code, **more):
        attempt(f"cancel: {name}", status, code, path=more.pop("path", path), key=None, **more)
    cancel("with a reason", 400, "invalid_field", body=b'{"reason":"x"}')
    cancel("a list", 400, "malformed_json", body=b"[]")
    cancel("no token", 401, "unauthenticated", token=None)
    cancel("GET", 405, "method_not_allowed", method="GET", body=b"", kind=None)
    cancel("malformed order", 404, "not_found", path=f"{API}/orders/1/cancel")
    cancel("nobody's order", 404, "not_found", path=f"{API}/orders/{NOBODYS}/cancel")
    cancel("by a shopper as operator", 403, "forbidden", path=operators, body=b'{"reason":"x"}')
    for name, body in {"no reason": b"{}", "nothing": b"", "empty reason": b'{"reason":""}', "reason 7": b'{"reason":7}',
                       "reason null": b'{"reason":null}', "reason of 65 bytes": b'{"reason":"' + b"r" * 65 + b'"}',
                       "reason with NUL": b'{"reason":"a\\u0000"}', "more": b'{"reason":"x","user_id":"1"}'}.items():
        cancel(f"operator: {name}", 400, "invalid_field", path=operators, token=operator, body=body)
    cancel("operator: nobody's order", 404, "not_found", path=f"{API}/admin/orders/{NOBODYS}/cancel", token=operator, body=b'{"reason":"x"}')


def _event(**changes):
    event = {"event_id": "bad-1", "payment_id": "0123456789abcdef0123456789abcdef", "order_id": NOBODYS, "outcome": "captured", "amount_cents": 1}
    event.update(changes)
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def _webhook(row, name, status, code, body, fields, kind=JSON, more=()):
    headers = ([kind] if kind else []) + list(fields) + list(more)
    row(f"webhook: {name}", request("POST", f"{API}/payments/webhook", headers, body), status, code)


def _signatures(place, row):
    sign = place.signer.field
    body = _event()
    good = sign(body)

    def hook(name, status, code, fields, body=body, **more):
        _webhook(row, name, status, code, body, fields, **more)

    def unbelieved(name, *fields, **more):
        hook(name, 401, "unauthenticated", fields, **more)
    unbelieved("no signature")
    unbelieved("a token", ("Authorization", f"Bearer {place.operator}"))
    unbelieved("of 400 s ago", sign(body, 400))
    unbelieved("400 s ahead", sign(body, -400))
    unbelieved("of the year 1970", sign(body, at="0"))
    unbelieved("other secret", sign(body, secret="k" * 64))
    unbelieved("empty secret", sign(body, secret=""))
    unbelieved("secret with its line end", sign(body, secret=place.signer.secret + "\n"))
    unbelieved("of another body", sign(body + b" "))
    unbelieved("of the body alone", ("X-Signature", good[1][:-64] + hmac.new(place.signer.secret.encode(), body, hashlib.sha256).hexdigest()))
    unbelieved("twice", good, good)
    unbelieved("a wrong one behind it", good, ("X-Signature", "x"))
    unbelieved("a wrong one before it", ("X-Signature", "x"), good)
    last = good[1][-1]
    for name, value in {"empty": "", "garbage": "~\u00ff;=", "no time": good[1].split(",")[1],
                        "no hash": good[1].split(",")[0], "cut": good[1][:-1], "too long": good[1] + "0",
                        "last digit": good[1][:-1] + ("0" if last != "0" else "1"), "other order": ",".join(reversed(good[1].split(","))),
                        "version 0": good[1].replace("v1=", "v0="), "a blank": good[1].replace(",", ", "), "two hashes": good[1] + "," + good[1].split(",")[1],
                        "negative time": good[1].replace("t=", "t=-"), "long time": good[1].replace("t=", "t=" + "0" * 400),
                        "time of letters": "t=now," + good[1].split(",")[1], "4000 commas": "," * 4000}.items():
        unbelieved(f"signature {name}", ("X-Signature", value))
    unbelieved("unsigned and malformed", body=b"{")
    unbelieved("unsigned text for html", body=b"x", kind=TEXT, more=[("Accept", "text/html")])
    hook("signed for html", 406, "not_acceptable", [good], more=[("Accept", "text/html")])
    hook("signed text", 415, "unsupported_media_type", [good], kind=TEXT)
    hook("too large", 413, "content_too_large", [good], body=b" " * 4097)
    row("webhook: chunked", request("POST", f"{API}/payments/webhook", [JSON, good, ("Transfer-Encoding", "chunked")], b"0\r\n\r\n", length=False), 411,
        "length_required")
    row("webhook: GET", request("GET", f"{API}/payments/webhook", [good]), 405, "method_not_allowed")
    hook("of no payment", 503, "busy", [good])


def _events(place, row):
    def event(name, body, code="invalid_field"):
        _webhook(row, f"event {name}", 400, code, body, [place.signer.field(body)])
    for name, body in {"cut": b"{", "array": b"[]", "repeated name": b'{"event_id":"a","event_id":"a"}', "bad UTF-8": b'{"event_id":"\xff"}'}.items():
        event(name, body, "malformed_json")
    event("empty", b"{}")
    event("nothing", b"")
    for name in ("event_id", "payment_id", "order_id", "outcome", "amount_cents"):
        event(f"without {name}", _event(**{name: None}))
        event(f"with {name} as a list", _event(**{name: []}))
    for name, value in (("event_id", ""), ("event_id", "e" * 65), ("event_id", "caf\u00e9"), ("event_id", "a\n"), ("event_id", 7),
                        ("payment_id", "0" * 31), ("payment_id", "0" * 33), ("payment_id", "0123456789ABCDEF" * 2), ("payment_id", "g" * 32),
                        ("order_id", NOBODYS.replace("-", "")), ("order_id", NOBODYS.replace("-8000-8", "-4000-8")), ("order_id", NOBODYS.upper() + "A"),
                        ("outcome", "pending"), ("outcome", "Captured"), ("outcome", ""), ("outcome", 2), ("amount_cents", -1),
                        ("amount_cents", 10 ** 15 + 1), ("amount_cents", 1.5), ("amount_cents", "1"), ("amount_cents", 10 ** 40), ("more", 1)):
        event(f"{name} {str(value)[:40]!r}", _event(**{name: value}))


def _edits(place, attempt):
    operator = ("Authorization", f"Bearer {place.operator}")

    def edit(name, status, code, body, sale_id=place.live, token=operator):
        attempt(f"edit: {name}", status, code, method="PATCH", path=f"{API}/admin/sales/{sale_id}", key=None, body=body, token=token)
    for name, body in {"nothing": b"", "no field": b"{}", "empty title": b'{"title":""}', "title null": b'{"title":null}',
                       "title of 201 bytes": b'{"title":"' + b"t" * 201 + b'"}', "small currency": b'{"currency":"eur"}',
                       "other site": b'{"image_url":"//evil/a.png"}', "negative price": b'{"price_cents":-1}', "price 1.0": b'{"price_cents":1.0}',
                       "high price": b'{"price_cents":1000000001}', "no list price": b'{"list_price_cents":null}',
                       "stock of 10^7 + 1": b'{"stock_total":10000001}', "ends before it starts": b'{"starts_at_ms":2,"ends_at_ms":1}',
                       "ends before it started": b'{"ends_at_ms":1}', "ends in the year 9999": b'{"ends_at_ms":253402300799999}',
                       "per_user_limit 0": b'{"per_user_limit":0}', "pay_within_s 0": b'{"pay_within_s":0}', "state": b'{"state":"ended"}',
                       "version beside a title": b'{"title":"T","version":9}'}.items():
        edit(name, 400, "invalid_field", body)
    edit("a list", 400, "malformed_json", b"[]")
    edit("by a shopper", 403, "forbidden", b'{"title":"T"}', token=("Authorization", f"Bearer {place.good}"))
    edit("no such sale", 404, "unknown_sale", b'{"title":"T"}', sale_id=NO_SALE)
    edit("a live sale's stock", 409, "invalid_state", b'{"stock_total":5}')
    edit("a live sale's title and currency", 409, "invalid_state", b'{"title":"T","currency":"USD"}')


def _stock(place, attempt):
    operator = ("Authorization", f"Bearer {place.operator}")

    def stock(name, status, code, body, sale_id=place.live, token=operator, key=None, more=()):
        attempt(f"stock: {name}", status, code, path=f"{API}/admin/sales/{sale_id}/stock", key=key, body=body, token=token, more=more)
    for delta in ("0", "-0", "1.0", "-1.0", "1e2", '"1"', "null", "true", "[1]", "10000001", "-10000001", "9" * 20, "-" + "9" * 20, "-9223372036854775808"):
        stock(f"delta {delta}", 400, "invalid_field", f'{{"delta":{delta},"reason":"x"}}'.encode())
    for delta in ("+1", "--1", "01", "-01", "-", "- 1"):
        stock(f"delta {delta}", 400, "malformed_json", f'{{"delta":{delta},"reason":"x"}}'.encode())
    good = b'{"delta":1,"reason":"x"}'
    for name, body in {"nothing": b"", "no delta": b'{"reason":"x"}', "no reason": b'{"delta":1}', "empty reason": b'{"delta":1,"reason":""}',
                       "reason of 201 bytes": b'{"delta":1,"reason":"' + b"r" * 201 + b'"}', "an op_id": b'{"delta":1,"reason":"x","op_id":"a"}'}.items():
        stock(name, 400, "invalid_field", body)
    stock("key with a blank", 400, "invalid_field", good, key=("Idempotency-Key", "a b"))
    stock("two keys", 400, "invalid_field", good, key=("Idempotency-Key", "a"), more=[("Idempotency-Key", "b")])
    stock("by a shopper", 403, "forbidden", good, token=("Authorization", f"Bearer {place.good}"))
    stock("no such sale", 404, "unknown_sale", good, sale_id=NO_SALE)
    stock("more than is left", 409, "invalid_state", b'{"delta":-1001,"reason":"x"}')


def _dead_letters(place, attempt):
    operator = ("Authorization", f"Bearer {place.operator}")

    def letter(name, status, code, path, token=operator, method="POST", body=b"{}"):
        attempt(f"dead letter: {name}", status, code, method=method, path=f"{API}/admin/dead-letters{path}", key=None, token=token, body=body,
                kind=JSON if body else None)
    for name, path in {"0": "/0/requeue", "leading zero": "/01/requeue", "letters": "/x/discard", "negative": "/-1/discard",
                       "20 digits": "/" + "9" * 20 + "/discard", "alone": "/1", "other verb": "/1/retry", "no such": "/999999999/requeue",
                       "no such to discard": "/999999999/discard"}.items():
        letter(name, 404, "not_found", path)
    letter("by a shopper", 403, "forbidden", "/1/requeue", ("Authorization", f"Bearer {place.good}"))
    letter("list by a shopper", 403, "forbidden", "", ("Authorization", f"Bearer {place.good}"), "GET", b"")
    letter("with a field", 400, "invalid_field", "/1/discard", body=b'{"x":1}')
    letter("cursor", 400, "invalid_field", "?cursor=x", method="GET", body=b"")
    letter("GET of a move", 405, "method_not_allowed", "/1/requeue", method="GET", body=b"")
