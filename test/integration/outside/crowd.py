"""minishop-load, driven from Python: runs of a crowd and their logs."""

import base64
import json
import pathlib
import signal
import subprocess
import tempfile
from collections import namedtuple

from .instance import BIN

Row = namedtuple("Row", "at_us user key attempt status code order_id sequence quantity latency_us")
# What a shopper did with an order: kind is pay or cancel; outcome is what a payment asks for, or the status that a cancel answered.
Act = namedtuple("Act", "kind at_us user key attempt status code order_id payment_id outcome latency_us")


def user_ids(tokens_path):
    """The users' numbers, in the order of the tokens."""
    ids = []
    for token in pathlib.Path(tokens_path).read_text(encoding="ascii").split():
        claims = token.split(".")[1]
        ids.append(int(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]))
    return ids


class Crowd:
    """A crowd at work in the background. `options` are minishop-load's, with _ for -: Crowd(..., client_retries=1)."""

    def __init__(self, port, sale_id=None, tokens=None, path=None, log=False, repeat=False, **options):
        words = [BIN / "minishop-load", "get" if path else "purchase", "--port",
                 ",".join(map(str, port)) if isinstance(port, (list, tuple)) else str(port)]
        self.log_path = None
        self.acts = []  # filled by rows ()
        if log:
            with tempfile.NamedTemporaryFile(prefix="crowd.", suffix=".log", delete=False) as file:
                self.log_path = file.name
        named = {"path": path, "sale": sale_id, "tokens": tokens, "log": self.log_path, **options}
        for name, value in named.items():
            if value is not None:
                words += ["--" + name.replace("_", "-"), str(value)]
        if repeat:
            words.append("--repeat")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self, deadline_s=300):
        """The summary, with `rows` (an iterator over the log) if a log was asked for."""
        try:
            out, err = self.process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        assert self.process.returncode == 0, err.decode()
        return json.loads(out)

    def stop(self, deadline_s=60):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def is_running(self):
        return self.process.poll() is None

    def rows(self):
        """Every answer to a purchase, in the order of their arrival (per thread); what shoppers did with their orders goes to
        `acts`. The log is removed when it has been read."""
        path = pathlib.Path(self.log_path)
        with path.open(encoding="ascii") as file:
            for line in file:
                if line[0].isdigit():
                    yield _row(line)
                else:
                    self.acts.append(_act(line))
        path.unlink()


def _row(line):
    at_us, user, key, attempt, status, code, order_id, sequence, quantity, latency_us = line.split()
    return Row(int(at_us), int(user), key, int(attempt), int(status), code, None if order_id == "-" else order_id,
               None if sequence == "-" else int(sequence), None if quantity == "-" else int(quantity), int(latency_us))


def _act(line):
    kind, at_us, user, key, attempt, status, code, order_id, payment_id, outcome, latency_us = line.split()
    return Act(kind, int(at_us), int(user), key, int(attempt), int(status), code, order_id, None if payment_id == "-" else payment_id,
               None if outcome == "-" else outcome, int(latency_us))


def run(port, *arguments, deadline_s=300, **options):
    """A crowd from beginning to end: (summary, rows)."""
    crowd = Crowd(port, *arguments, **options)
    summary = crowd.wait(deadline_s)
    return summary, list(crowd.rows()) if crowd.log_path else []


def counts(summary, status, code="none"):
    return summary["answers_by"].get(f"{status} {code}", 0)
