"""The web client as nginx serves it: what every page says about itself, what may be kept for how long, and what a new build changes."""

import gzip
import os
import re
import shutil
import time

from outside.instance import BIN, ask
from outside.waiting import until

POLICY = {"default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "font-src 'self'",
          "connect-src 'self'", "manifest-src 'self'", "worker-src 'self'", "base-uri 'none'", "form-action 'self'",
          "frame-ancestors 'none'"}
HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
           "Cross-Origin-Opener-Policy": "same-origin"}


def get(instance, path, **headers):
    return ask(instance.port, "GET", path, headers=headers)


def index_of(instance):
    answer = get(instance, "/")
    assert answer.status == 200 and b'<div id="root">' in answer.body, answer
    return answer.body


def assets_of(index):
    found = re.findall(rb'(?:src|href)="(/assets/[^"]+)"', index)
    assert found, index
    return [path.decode() for path in found]


def test_headers_on_pages(instance):
    """Every page and every part of one carries the policy and its companions; HSTS is said under TLS alone."""
    for path in ("/", "/orders", "/sw.js", "/manifest.webmanifest", "/early.js", assets_of(index_of(instance))[0]):
        answer = get(instance, path)
        assert answer.status == 200, (path, answer.status)
        assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY, (path, answer.headers["Content-Security-Policy"])
        for name, value in HEADERS.items():
            assert answer.headers.get_all(name) == [value], (path, name, answer.headers.get_all(name))
        assert "camera=()" in answer.headers["Permissions-Policy"], path
        assert "Strict-Transport-Security" not in answer.headers, path


def test_deep_links(instance):
    """Every path of the pages' own is answered with the page; the API and health checks are not touched by it."""
    index = index_of(instance)
    for path in ("/sales/17", "/orders/01234567-89ab-8def-8123-456789abcdef", "/login?to=%2Forders", "/operate/sales", "/no/such/page"):
        answer = get(instance, path)
        assert (answer.status, answer.body) == (200, index), (path, answer.status)
        assert answer.headers["Content-Type"].startswith("text/html"), path
    for path, status in (("/api/v1/sales", 200), ("/api/v1/nope", 404), ("/api", 404), ("/healthz", 200), ("/readyz", 200), ("/metrics", 404)):
        answer = get(instance, path)
        assert answer.status == status and b"<html" not in bytes(str(answer.body), "utf-8"), (path, answer)
        assert "Content-Length" in answer.headers and "Content-Security-Policy" not in answer.headers, (path, answer.headers.items())


def test_caching(instance):
    """What is named after its content is kept for a year; what is not is asked about again, and then not sent twice."""
    for path in assets_of(index_of(instance)):
        assert get(instance, path).headers.get_all("Cache-Control") == ["public, max-age=31536000, immutable"], path
    for path in ("/", "/index.html", "/sales/1", "/sw.js", "/manifest.webmanifest"):
        answer = get(instance, path)
        assert answer.headers.get_all("Cache-Control") == ["no-cache"], (path, answer.headers.get_all("Cache-Control"))
        again = get(instance, path, **{"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304 and not again.body, (path, again.status)


def test_missing_asset(instance):
    """A missing part of a page is a problem with 404, kept by nobody: the start page in its place would be run as a script."""
    for path in ("/assets/index-00000000.js", "/assets/", "/assets/x/y.css"):
        answer = get(instance, path)
        assert (answer.status, answer.body["code"]) == (404, "not_found"), (path, answer)
        assert answer.headers["Content-Type"].startswith("application/problem+json"), path
        assert answer.headers.get_all("Cache-Control") == ["no-store"], path


def test_compressed(instance):
    """Scripts, styles and the page come compressed to who understands it, plain to who does not, and caches are told. What fits into one
    packet is left as it is."""
    saved = []
    for path in ["/", *assets_of(index_of(instance))]:
        plain, packed = get(instance, path), get(instance, path, **{"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers, path
        if len(plain.body) <= 1024:
            continue
        assert packed.headers["Content-Encoding"] == "gzip", path
        assert gzip.decompress(packed.body) == plain.body, path
        assert "Accept-Encoding" in packed.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"], path
        saved.append(len(packed.body) / len(plain.body))
    return f"{len(saved)} files, down to {min(saved):.0%}–{max(saved):.0%}"


def test_new_build_new_pages(make_instance):
    """Pages change with the next start after a build, not under a running instance when an actor is added; what the build lacks goes, its
    parts a week later: pages that were opened before still ask for them."""
    first = make_instance()
    own = first.folder / "build"
    shutil.copytree(BIN, own / "bin")
    shutil.copytree(BIN / "../web", own / "web")
    first.programs = own / "bin"
    first.start()
    before = index_of(first)
    old = assets_of(before)
    (own / "web/index.html.gz").unlink()
    (own / "web/index.html").write_bytes(before.replace(old[0].encode(), b"/assets/new.js"))
    (own / "web" / old[0].lstrip("/")).rename(own / "web/assets/new.js")
    served = first.folder / "nginx/html"
    os.utime(served / old[0].lstrip("/"), (0, 0))  # built long ago: its week begins with the update
    (served / "gone.txt").write_text("of an earlier build")
    first.minishop("scale", "edge=2")
    until("two edges", 30, lambda: len(first.actors("edge")) == 2)
    assert index_of(first) == before and get(first, old[0]).status == 200
    first.stop()
    first.start()
    assert assets_of(index_of(first)) == ["/assets/new.js", *old[1:]]
    assert get(first, "/assets/new.js").status == 200 and get(first, old[0]).status == 200
    assert not (served / "gone.txt").exists()
    assert get(first, "/", **{"Accept-Encoding": "gzip"}).body == (own / "web/index.html").read_bytes()
    for days, is_there in ((6, True), (8, False)):
        first.stop()
        then = time.time() - days * 86400
        os.utime(served / old[0].lstrip("/"), (then, then))
        first.start()
        assert get(first, old[0]).status == (200 if is_there else 404), days
        assert get(first, "/assets/new.js").status == 200
