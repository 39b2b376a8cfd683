"""Requests that must be refused, each with the contract's status and code, at an edge and through nginx."""

import base64
import hashlib
import hmac
import json
import time

import bad_lifecycle
from outside.raw_http import exchange, request

API = "/api/v1"
JSON = ("Content-Type", "application/json")


def encode(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sign(instance, claims, header=b'{"alg":"HS256","typ":"JWT"}', key=None):
    """A token as the account process would make it, or one that it never would."""
    key = key or bytes.fromhex((instance.folder / "secrets/token-key").read_text().strip())
    text = encode(header) + "." + encode(json.dumps(claims, separators=(",", ":")).encode())
    return text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


class Place:
    """What the rows of the table refer to: sales in every state, good and bad tokens."""

    def __init__(self, instance):
        self.instance = instance
        self.live = instance.sale(1000, per_user_limit=3)
        self.sold_out = instance.sale(0)
        self.later = instance.sale(10, opens_in_s=3600, lasts_s=7200)
        self.draft = instance.draft(10)
        self.paused = instance.sale(10)
        assert instance.move(self.paused, "pause").status == 200
        self.ended = instance.sale(10)
        assert instance.move(self.ended, "end").status == 200
        self.good = instance.token_list(1)[0]
        self.operator = instance.operator
        self.signer = bad_lifecycle.Signer(instance)
        bought = instance.buy(instance.sale(10), self.good, "order")
        assert bought.status == 201, bought
        self.order = bought.body["order_id"]
        head, claims, signature = self.good.split(".")
        self.claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        now_s = int(time.time())
        # In the middle of a signature every bit counts; in its last letter two do not.
        other = "A" if signature[9] != "A" else "B"
        self.forged = f"{head}.{claims}.{signature[:9]}{other}{signature[10:]}"
        self.unsigned = f"{head}.{claims}."
        self.other_key = sign(instance, self.claims, key=b"k" * 32)
        self.alg_none = encode(b'{"alg":"none","typ":"JWT"}') + f".{claims}."
        self.alg_none_signed = sign(instance, self.claims, b'{"alg":"none","typ":"JWT"}')
        self.alg_other = sign(instance, self.claims, b'{"alg":"HS512","typ":"JWT"}')
        self.expired = sign(instance, {**self.claims, "iat": now_s - 90000, "exp": now_s - 3600})
        self.deep = f"{encode(b'[' * 700)}.{encode(b'[' * 700)}.AAAA"


def table(place):
    """(name, bytes, status, code) or, where the page leaves a choice, a set of codes."""
    rows = []
    buy = f"{API}/sales/{place.live}/purchases"
    bearer = ("Authorization", f"Bearer {place.good}")

    def row(name, data, status, *codes):
        rows.append((name, data, status, set(codes)))

    def attempt(name, status, *codes, path=buy, method="POST", token=bearer, key=("Idempotency-Key", "bad-1"), kind=JSON,
                body=b"{}", more=()):
        headers = [pair for pair in (token, key, kind) if pair] + list(more)
        row(name, request(method, path, headers, body), status, *codes)

    _tokens(place, attempt)
    _keys(attempt)
    _bodies(attempt)
    _kinds(attempt)
    _paths(place, attempt, row)
    _states(place, attempt)
    _precedence(attempt, row, buy)
    _framing(row, buy, bearer)
    bad_lifecycle.rows(place, attempt, row)
    return rows


def _tokens(place, attempt):
    def token(name, value, code="unauthenticated"):
        attempt(f"token: {name}", 401, code, token=value and ("Authorization", value))
    token("none", None)
    token("empty bearer", "Bearer ")
    token("not a token", "Bearer x")
    token("basic", "Basic YTpi")
    token("forged", f"Bearer {place.forged}")
    token("unsigned", f"Bearer {place.unsigned}")
    token("other key", f"Bearer {place.other_key}")
    token("alg none", f"Bearer {place.alg_none}")
    token("alg none, signed", f"Bearer {place.alg_none_signed}")
    token("alg HS512", f"Bearer {place.alg_other}")
    token("deep", f"Bearer {place.deep}")
    token("four parts", f"Bearer {place.good}.x")
    token("expired", f"Bearer {place.expired}", "token_expired")
    attempt("role: shopper creates a sale", 403, "forbidden", path=f"{API}/admin/sales", key=None)
    attempt("role: shopper lists actors", 403, "forbidden", method="GET", path=f"{API}/admin/actors", key=None, kind=None, body=b"")
    stats = f"{API}/admin/sales/{place.live}/stats"
    attempt("role: shopper reads statistics", 403, "forbidden", method="GET", path=stats, key=None, kind=None, body=b"")
    attempt("role: nobody reads statistics", 401, "unauthenticated", method="GET", path=stats, token=None, key=None, kind=None, body=b"")
    attempt("role: nobody creates a sale", 401, "unauthenticated", path=f"{API}/admin/sales", token=None, key=None)


def _keys(attempt):
    def key(name, value, *codes):
        attempt(f"key: {name}", 400, *codes, key=value and ("Idempotency-Key", value))
    key("none", None, "missing_idempotency_key")
    key("empty", " ", "missing_idempotency_key", "invalid_field")
    key("65 letters", "k" * 65, "invalid_field")
    key("a blank", "a b", "invalid_field")
    key("a slash", "a/b", "invalid_field")
    key("not ASCII", "cl\u00e9", "invalid_field")


def _bodies(attempt):
    def body(name, data, code="invalid_field"):
        attempt(f"body: {name}", 400, code, body=data)

    def quantity(name, text, code="invalid_field"):
        body(f"quantity {name}", b'{"quantity":' + text + b"}", code)
    for name, data in {"cut": b"{", "array": b"[]", "text": b'"x"', "null": b"null", "number": b"1", "trailing": b"{} x", "two": b"{}{}",
                       "comma": b'{"quantity":1,}', "single quotes": b"{'quantity':1}", "comment": b"{/**/}", "blank": b"  ",
                       "repeated name": b'{"quantity":1,"quantity":1}', "bad UTF-8": b'{"quantity":"\xff\xfe"}',
                       "overlong UTF-8": b'{"quantity":"\xc0\xaf"}', "surrogate": b'{"quantity":"\xed\xa0\x80"}', "NUL": b'{"quantity":1}\0',
                       "byte order mark": b"\xef\xbb\xbf{}", "4000 brackets": b"[" * 4000, "depth 9": b'{"quantity":' + b"[" * 8 + b"]" * 8 + b"}",
                       "deep objects": b'{"a":' * 600 + b"1" + b"}" * 600, "NaN": b'{"quantity":NaN}', "hexadecimal": b'{"quantity":0x1}',
                       "leading zero": b'{"quantity":01}', "plus": b'{"quantity":+1}'}.items():
        body(name, data, "malformed_json")
    for name, text in {"0": b"0", "-1": b"-1", "1.0": b"1.0", "1e0": b"1e0", "1e400": b"1e400", "2^64": b"18446744073709551616",
                       "2^63": b"9223372036854775808", "400 digits": b"1" * 400, "text": b'"1"', "true": b"true", "null": b"null",
                       "object": b"{}", "array": b"[1]", "depth 8": b"[" * 7 + b"]" * 7, "-0": b"-0"}.items():
        quantity(name, text)
    body("unknown name", b'{"user_id":"7"}')
    body("unknown name beside a good one", b'{"quantity":1,"price_cents":1}')
    body("other case", b'{"Quantity":1}')
    body("empty name", b'{"":1}')
    body("__proto__", b'{"__proto__":{}}')
    attempt("body: 4097 bytes", 413, "content_too_large", body=b"{}" + b" " * 4095)
    attempt("body: 100 kB", 413, "content_too_large", body=b" " * 100000)


def _kinds(attempt):
    attempt("kind: none", 415, "unsupported_media_type", kind=None)
    attempt("kind: text", 415, "unsupported_media_type", kind=("Content-Type", "text/plain"))
    attempt("kind: form", 415, "unsupported_media_type", kind=("Content-Type", "application/x-www-form-urlencoded"))
    attempt("kind: multipart", 415, "unsupported_media_type", kind=("Content-Type", "multipart/form-data; boundary=x"))
    attempt("kind: longer name", 415, "unsupported_media_type", kind=("Content-Type", "application/jsonx"))
    attempt("accept: html only", 406, "not_acceptable", more=[("Accept", "text/html")])


def _paths(place, attempt, row):
    for name, path in {"unknown": "/nope", "prefix of a call": f"/sale/{place.live}", "longer than a call": f"/sales/{place.live}/purchasesx",
                       "trailing slash": f"/sales/{place.live}/purchases/", "letters as id": "/sales/abc/purchases", "negative id": "/sales/-1/purchases",
                       "huge id": f"/sales/{'9' * 40}/purchases", "id with zeros": "/sales/00001/purchases", "two slashes": f"/sales//{place.live}/purchases",
                       "escaped dot": "/sales/%2e/purchases"}.items():
        attempt(f"path: {name}", 404, "not_found", path=API + path)
    attempt("path: no such sale", 404, "unknown_sale", path=f"{API}/sales/281474976710000/purchases")
    attempt("path: draft", 404, "unknown_sale", path=f"{API}/sales/{place.draft}/purchases")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        attempt(f"method: {method} purchases", 405, "method_not_allowed", method=method, path=f"{API}/sales/{place.live}/purchases", body=b"",
                kind=None)
    attempt("method: POST statistics", 405, "method_not_allowed", path=f"{API}/admin/sales/{place.live}/stats")
    attempt("method: DELETE sales", 405, "method_not_allowed", method="DELETE", path=f"{API}/sales", body=b"", kind=None)
    row("method: unknown", request("BREW", f"{API}/sales"), 501, "not_implemented")
    row("get: order of nobody", request("GET", f"{API}/orders/00000000-0001-8000-8000-000000000001",
                                        [("Authorization", f"Bearer {place.good}")]), 404, "not_found")
    row("get: malformed order id", request("GET", f"{API}/orders/zzz", [("Authorization", f"Bearer {place.good}")]), 404, "not_found")
    row("get: no such sale", request("GET", f"{API}/sales/281474976710000"), 404, "not_found", "unknown_sale")
    row("get: draft", request("GET", f"{API}/sales/{place.draft}"), 404, "not_found", "unknown_sale")
    operator = [("Authorization", f"Bearer {place.operator}")]
    row("get: statistics of no sale", request("GET", f"{API}/admin/sales/281474976710000/stats", operator), 404, "unknown_sale")
    row("get: statistics of letters", request("GET", f"{API}/admin/sales/abc/stats", operator), 404, "not_found")
    row("get: cursor", request("GET", f"{API}/sales?cursor=%22%3B--"), 400, "invalid_field")


def _states(place, attempt):
    def state(name, sale_id, status, code):
        attempt(f"state: {name}", status, code, path=f"{API}/sales/{sale_id}/purchases")
    state("not started", place.later, 425, "sale_not_started")
    state("ended", place.ended, 410, "sale_ended")
    state("paused", place.paused, 423, "sale_paused")
    state("sold out", place.sold_out, 409, "sold_out")
    attempt("state: over the limit", 409, "limit_exceeded", body=b'{"quantity":4}')


def _precedence(attempt, row, buy):
    bad = b"{"
    nothing = {"token": None, "key": None}
    attempt("order: 404 before 401", 404, "not_found", path=f"{API}/nope", **nothing)
    attempt("order: 405 before 401", 405, "method_not_allowed", method="PUT", **nothing)
    attempt("order: 401 before 406, 415, 400", 401, "unauthenticated", kind=("Content-Type", "text/plain"), body=bad, more=[("Accept", "text/html")],
            **nothing)
    attempt("order: 403 before 415", 403, "forbidden", path=f"{API}/admin/sales", kind=("Content-Type", "text/plain"), body=bad)
    attempt("order: 406 before 415", 406, "not_acceptable", kind=("Content-Type", "text/plain"), key=None, more=[("Accept", "text/html")])
    attempt("order: 415 before the key", 415, "unsupported_media_type", kind=("Content-Type", "text/plain"), key=None, body=bad)
    attempt("order: key before the body", 400, "missing_idempotency_key", key=None, body=bad)
    attempt("order: JSON before a malformed key", 400, "malformed_json", key=("Idempotency-Key", "a b"), body=bad)
    attempt("order: field before the sale", 400, "invalid_field", path=f"{API}/sales/281474976710000/purchases", body=b'{"quantity":0}')
    row("order: 413 before 404", request("POST", f"{API}/nope", [JSON], b" " * 5000), 413, "content_too_large")
    row("order: 411 before 401", request("POST", buy, [JSON, ("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\n\r\n", length=False), 411,
        "length_required")


def _framing(row, buy, bearer):
    good = [bearer, ("Idempotency-Key", "bad-2"), JSON]

    def framed(name, more, body, status, *codes):
        row(f"framing: {name}", request("POST", buy, good + more, body, length=False), status, *codes)
    framed("no length", [], b"", 411, "length_required")
    framed("chunked", [("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\n\r\n", 411, "length_required")
    framed("unknown coding", [("Transfer-Encoding", "rot13")], b"{}", 501, "not_implemented")
    framed("length and chunked", [("Content-Length", "2"), ("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\n\r\n", 400, "malformed_request")
    framed("letters behind the length", [("Content-Length", "2abc")], b"{}", 400, "malformed_request")
    framed("negative length", [("Content-Length", "-2")], b"{}", 400, "malformed_request")
    framed("length with a sign", [("Content-Length", "+2")], b"{}", 400, "malformed_request")
    framed("two lengths", [("Content-Length", "2"), ("Content-Length", "5")], b"{}abc", 400, "malformed_request")
    framed("length of a terabyte", [("Content-Length", "1099511627776")], b"", 413, "content_too_large")
    framed("length of 30 digits", [("Content-Length", "9" * 30)], b"", 400, "malformed_request")
    framed("folded line", [("X-Folded", "a\r\n b"), ("Content-Length", "2")], b"{}", 400, "malformed_request")
    framed("blank before the colon", [("X-Blank ", "a"), ("Content-Length", "2")], b"{}", 400, "malformed_request")
    row("framing: not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_request")
    row("framing: a line of noise", b"hello there, server\r\n\r\n", 400, "malformed_request")
    row("framing: version 3", request("GET", f"{API}/time", version="HTTP/3.0"), 505, "http_version_not_supported")
    row("framing: long address", request("GET", f"{API}/sales?q=" + "a" * 30000), 414, "uri_too_long")
    row("framing: long header", request("GET", f"{API}/time", [("X-Long", "a" * 40000)]), 431, "header_fields_too_large")
    row("framing: many headers", request("GET", f"{API}/time", [(f"X-{i}", "a" * 100) for i in range(600)]), 431, "header_fields_too_large")


def refusals(port, rows):
    """Sends every row to `port`; returns what was not answered as it must be."""
    problems = []
    for name, data, status, codes in rows:
        answer = exchange(port, data)
        if answer.status != status or answer.code not in codes:
            problems.append(f"{name}: {answer.status} {answer.code}, not {status} {' or '.join(sorted(codes))}")
            continue
        problem = json.loads(answer.body)
        for member in ("type", "title", "status", "detail", "code", "request_id", "trace_id", "retryable"):
            if member not in problem:
                problems.append(f"{name}: no member {member}")
        if answer.headers.get("content-type", "").split(";")[0] != "application/problem+json":
            problems.append(f"{name}: Content-Type {answer.headers.get('content-type')}")
        for header in ("x-request-id", "traceparent"):
            if header not in answer.headers:
                problems.append(f"{name}: no header {header}")
        if status == 405 and "allow" not in answer.headers:
            problems.append(f"{name}: no Allow")
        if status in (429, 503) and "retry-after" not in answer.headers:
            problems.append(f"{name}: no Retry-After")
    return problems


def test_table_at_an_edge(instance):
    """Every bad request gets the contract's status and code at an edge, and no process restarts."""
    _test_table(instance, instance.edge_ports()[0])


def test_table_through_nginx(instance):
    """Every bad request gets the same status and code through nginx."""
    _test_table(instance, instance.port)


def _test_table(instance, port):
    before = set(instance.all_pids())
    place = Place(instance)
    rows = table(place)
    assert len(rows) >= 60, len(rows)
    problems = refusals(port, rows)
    assert not problems, f"{len(problems)} of {len(rows)}:\n    " + "\n    ".join(problems)
    gone = [pid for pid in before if pid not in instance.all_pids() and pid_is_actor(instance, pid)]
    assert not gone, f"processes ended: {gone}"
    audit = instance.audit_at_rest(place.live)
    assert audit["gate_left"] == 1000 and audit["balanced"], audit
    return f"{len(rows)} requests"


def pid_is_actor(instance, pid):
    return pid in [actor["pid"] for actor in instance.actors()]


def test_state_refusals_carry_facts(instance):
    """not started says when it starts, sold out says what is left, already purchased names the order."""
    place = Place(instance)
    answer = instance.buy(place.later, place.good, "facts-1")
    assert answer.status == 425 and answer.body["starts_at_ms"] > instance.now_ms(), answer
    answer = instance.buy(place.sold_out, place.good, "facts-2")
    assert answer.status == 409 and answer.body["stock_left"] == 0, answer
    first = instance.buy(place.live, place.good, "facts-3")
    assert first.status == 201, first
    answer = instance.buy(place.live, place.good, "facts-4")
    assert (answer.status, answer.body["code"], answer.body["order_id"]) == (409, "already_purchased", first.body["order_id"]), answer
    answer = instance.buy(place.live, place.good, "facts-3", quantity=2)
    assert (answer.status, answer.body["code"]) == (409, "idempotency_mismatch"), answer


def test_pipelined_requests_in_order(instance):
    """Two requests in one segment are answered one after the other, in their order."""
    data = request("GET", f"{API}/nope") + request("GET", f"{API}/time") + request("GET", f"{API}/nope")
    for port in (instance.edge_ports()[0], instance.port):
        answers = exchange(port, data, count=3)
        assert [answer.status for answer in answers] == [404, 200, 404], (port, answers)


def test_old_clients_are_served(instance):
    """HTTP/1.0 knows no Host: a simple health check is answered, here and through nginx; HTTP/1.1 without one is malformed."""
    for port in (instance.edge_ports()[0], instance.port):
        for path in ("/healthz", "/readyz", f"{API}/time"):
            assert exchange(port, f"GET {path} HTTP/1.0\r\n\r\n".encode()).status == 200, (port, path)
        answer = exchange(port, f"GET {API}/time HTTP/1.1\r\n\r\n".encode())
        assert (answer.status, answer.code) == (400, "malformed_request"), (port, answer)


def test_cut_bodies_end(instance):
    """A body that never comes is given up within its deadline; a client that closes half-way leaves nothing behind."""
    place = Place(instance)
    head = request("POST", f"{API}/sales/{place.live}/purchases",
                   [("Authorization", f"Bearer {place.good}"), ("Idempotency-Key", "cut-1"), JSON, ("Content-Length", "50")], b"{", length=False)
    answer = exchange(instance.edge_ports()[0], head, timeout_s=20)
    assert answer.code != "silence", "a cut body holds a worker"
    exchange(instance.edge_ports()[0], head, is_half_closed=True, timeout_s=20)
    assert instance.audit(place.live)["gate_left"] == 1000
