"""One running MiniShop with its own folder and port, started and stopped as an operator would, and looked at from outside."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import namedtuple

from . import processes
from .waiting import served, until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("MINISHOP_BIN", ROOT / "build/release/bin"))
API = "/api/v1"
PASSWORD = "a long enough password"
START_S = 1200  # packages and the first build included
STORES = ("redis", "postgres", "nginx")

Answer = namedtuple("Answer", "status body headers")


class StartFailed(Exception):
    """scripts/run did not bring the instance up."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(port, method, path, body=None, token=None, headers=None, timeout_s=10):
    """One request on its own connection. A dict or list as `body` goes out as JSON, bytes as they are."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        data = response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    try:
        return Answer(response.status, json.loads(data), response.headers)
    except ValueError:
        return Answer(response.status, data, response.headers)


class Instance:
    """`programs` is a folder of programs that are built already (those of a test build have failpoints); without it, and without
    MINISHOP_BIN, scripts/run builds and starts the release."""

    def __init__(self, environment=None, folder=None, programs=None):
        self.programs = pathlib.Path(programs) if programs else BIN if "MINISHOP_BIN" in os.environ else None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="minishop."))
        self.folder.chmod(0o755)  # the services' users must be able to enter
        self.port = free_port()
        self.environment = dict(os.environ, MINISHOP_DIR=str(self.folder), MINISHOP_PORT=str(self.port),
                                MINISHOP_ADMIN_PASSWORD=PASSWORD, **(environment or {}))
        self.operator = None
        self.started_in_s = None

    # ---------------------------------------------------------------- life

    def start(self):
        begin = time.monotonic()
        program = [self.programs / "minishop", "up"] if self.programs else [ROOT / "scripts/run"]
        result = subprocess.run([*program, "--detach", "--no-demo"], cwd=ROOT, env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=START_S, check=False)
        self.started_in_s = time.monotonic() - begin
        if result.returncode != 0:
            raise StartFailed(result.stdout.decode(errors="replace")[-4000:])
        self.log_in()
        return self

    def log_in(self):
        answer = self.call("POST", "/sessions", {"username": "admin", "password": PASSWORD})
        assert answer.status == 201, f"the operator cannot log in: {answer}"
        self.operator = answer.body["access_token"]

    def stop(self):
        program = [self.programs / "minishop", "down"] if self.programs else [ROOT / "scripts/stop"]
        subprocess.run(program, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    # ---------------------------------------------------------------- the contract

    def call(self, method, path, body=None, token=None, headers=None, port=None, timeout_s=10):
        return ask(port or self.port, method, API + path, body, token, headers, timeout_s)

    def as_operator(self, method, path, body=None, headers=None):
        return self.call(method, path, body, self.operator, headers)

    def now_ms(self):
        return self.call("GET", "/time").body["now_ms"]

    def draft(self, stock, opens_in_s=-1.0, lasts_s=3600.0, **fields):
        now_ms = self.now_ms()
        body = {"title": "Flash sale", "price_cents": 1999, "currency": "EUR", "stock_total": stock,
                "starts_at_ms": int(now_ms + opens_in_s * 1000), "ends_at_ms": int(now_ms + lasts_s * 1000), **fields}
        answer = self.as_operator("POST", "/admin/sales", body)
        assert answer.status == 201, answer
        return answer.body["sale_id"]

    def move(self, sale_id, verb):
        """publish, pause, resume or end."""
        return self.as_operator("POST", f"/admin/sales/{sale_id}/{verb}", {})

    def sale(self, stock, **fields):
        """A published sale that every ready edge serves."""
        sale_id = self.draft(stock, **fields)
        answer = self.move(sale_id, "publish")
        assert answer.status == 200, answer
        return sale_id

    def buy(self, sale_id, token, key, quantity=None, port=None, timeout_s=10):
        body = {} if quantity is None else {"quantity": quantity}
        return self.call("POST", f"/sales/{sale_id}/purchases", body, token, {"Idempotency-Key": key}, port, timeout_s)

    def audit(self, sale_id):
        return served(self.as_operator("GET", f"/admin/sales/{sale_id}/audit")).body

    def audit_at_rest(self, sale_id, deadline_s=20):
        """The audit once nothing is in flight, or the last one seen."""
        last = {}

        def rests():
            last.update(self.audit(sale_id))
            return last["in_flight"] == 0 and last["balanced"]
        try:
            until(f"audit of sale {sale_id} at rest", deadline_s, rests, 0.1)
        except AssertionError:
            pass
        return last

    # ---------------------------------------------------------------- the command line

    def minishop(self, *arguments, timeout_s=120):
        program = self.programs / "minishop" if self.programs else ROOT / "scripts/minishop"
        return subprocess.run([program, *map(str, arguments)], cwd=ROOT, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout_s, check=False)

    def tokens(self, count):
        """A file with tokens of `count` new shoppers, one a line."""
        result = self.minishop("tokens", count)
        assert result.returncode == 0, result.stderr.decode()
        lines = result.stdout.split()
        assert len(lines) == count, (len(lines), count)
        with tempfile.NamedTemporaryFile("wb", prefix="tokens.", dir=self.folder, delete=False) as file:
            file.write(result.stdout)
        return file.name

    def token_list(self, count):
        return pathlib.Path(self.tokens(count)).read_text(encoding="ascii").split()

    def status(self):
        result = self.minishop("status", "--json")
        if result.returncode != 0:
            raise OSError(result.stderr.decode())
        return json.loads(result.stdout)

    def actors(self, kind=None):
        return [actor for actor in self.status()["actors"] if kind in (None, actor["kind"])]

    def edge_ports(self):
        return sorted(int(actor["endpoint"].rsplit(":", 1)[1]) for actor in self.actors("edge")
                      if actor["endpoint"].startswith("http"))  # one that starts does not listen yet

    def metrics(self):
        """{name: {labels as text: value}} of every process."""
        port = int(self.status()["operations_url"].rstrip("/").rsplit(":", 1)[1].split("/")[0])
        text = ask(port, "GET", "/metrics").body
        found = {}
        for line in text.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name, _, labels = name.partition("{")
                found.setdefault(name, {})[labels.rstrip("}")] = float(value)
        return found

    def metric(self, name, part=""):
        """Sum of a metric over all processes whose labels contain `part`."""
        return sum(value for labels, value in self.metrics().get(name, {}).items() if part in labels)

    # ---------------------------------------------------------------- processes

    def supervisor(self):
        return int((self.folder / "run/supervisor.pid").read_text())

    def pid_of(self, name):
        """Of a store (redis, postgres, nginx) or of an actor (seckill, edge/2)."""
        if name in STORES:
            return int((self.folder / f"run/{name}.pid").read_text().split()[0])
        kind, _, number = name.partition("/")
        return processes.actor_pid(self.supervisor(), kind, int(number or 1))

    def kill(self, name, number=signal.SIGKILL):
        """Sends a signal, and returns the pid that got it."""
        pid = self.pid_of(name)
        os.kill(pid, number)
        return pid

    def is_replaced(self, name, old_pid):
        """True once another process than `old_pid` does the work of `name`."""
        try:
            pid = self.pid_of(name)
        except (OSError, ValueError, LookupError):
            return False
        return pid != old_pid and processes.is_alive(pid)

    def all_pids(self):
        return processes.tree(self.supervisor())

    # ---------------------------------------------------------------- the stores, past the system

    def sql(self, query):
        """Rows of a query as lists of texts, as PostgreSQL's administrator."""
        password = (self.folder / "postgres-password").read_text().strip()
        result = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.folder / "run", "-U", "postgres",
                                 "-d", "minishop", "-c", query], env=dict(os.environ, PGPASSWORD=password), cwd="/",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                                check=False)
        if result.returncode != 0:
            raise OSError(result.stderr.decode())
        return [line.split("\t") for line in result.stdout.decode().splitlines()]

    def redis(self):
        return RedisConnection(self.folder / "run/redis.sock", (self.folder / "redis-password").read_text().strip())


class RedisConnection:
    """RESP2 over a Unix socket, as Redis' administrator."""

    def __init__(self, path, password=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(os.path.realpath(path))
        self.file = self.socket.makefile("rb")
        if password:
            self("AUTH", password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._read()

    def _read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise OSError(rest.decode())
        if rest == b"-1":
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return [self._read() for _ in range(int(rest))]
