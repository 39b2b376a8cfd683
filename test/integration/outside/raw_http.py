"""HTTP by hand: exact bytes out, one answer in. For requests that no client library would send."""

import json
import socket
from collections import namedtuple

ANSWER_BYTES_MAX = 1 << 20

RawAnswer = namedtuple("RawAnswer", "status headers body code is_closed")
NOTHING = RawAnswer(0, {}, b"", "closed", True)  # the server closed without a word
SILENCE = RawAnswer(0, {}, b"", "silence", False)  # it neither answered nor closed


def request(method, path, headers=(), body=b"", version="HTTP/1.1", length=True):
    """Bytes of one request; `headers` are pairs, so that they can be repeated."""
    lines = [f"{method} {path} {version}", "Host: localhost"] + [f"{name}: {value}" for name, value in headers]
    if length and (body or method not in ("GET", "HEAD")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def read_answer(connection, buffer):
    """One answer from the connection, and the bytes behind it. Raises OSError (timeout) or ValueError (no answer)."""
    while b"\r\n\r\n" not in buffer:
        data = connection.recv(65536)
        if not data:
            raise ValueError("closed")
        buffer += data
    head, _, rest = buffer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if status == 100:
        return read_answer(connection, rest)
    length = int(headers.get("content-length", "0"))
    while len(rest) < length and len(rest) < ANSWER_BYTES_MAX:
        data = connection.recv(65536)
        if not data:
            raise ValueError("cut")
        rest += data
    body = rest[:length]
    try:
        code = json.loads(body).get("code", "none")
    except (ValueError, AttributeError):
        code = "none"
    return RawAnswer(status, headers, body, code, False), rest[length:]


def exchange(port, data, count=1, timeout_s=8, is_half_closed=False):
    """Sends `data`, and returns `count` answers (fewer only as NOTHING or SILENCE)."""
    answers, buffer = [], b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # the server may refuse and close before it has read everything
        try:
            if is_half_closed:
                connection.shutdown(socket.SHUT_WR)
            while len(answers) < count:
                answer, buffer = read_answer(connection, buffer)
                answers.append(answer)
        except socket.timeout:
            answers.append(SILENCE)
        except (OSError, ValueError, IndexError):
            answers.append(NOTHING)
    return answers if count > 1 else answers[0]


class Line:
    """A keep-alive connection on which requests that may be sent twice go out now and are answered later: what it takes to have several
    of them on their way in the same moment, without a thread for each."""

    def __init__(self, port, timeout_s=15):
        self.port, self.timeout_s = port, timeout_s
        self.connection, self.buffer, self.data = None, b"", b""

    def send(self, data):
        self.data = data
        try:
            if self.connection is None:
                self.connection, self.buffer = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout_s), b""
            self.connection.sendall(data)
        except OSError:
            self.close()  # found out, and sent again, by receive ()

    def receive(self, tries=3):
        """The answer to what was sent; NOTHING if there is none after so many tries."""
        for _ in range(tries):
            try:
                if self.connection is None:
                    self.send(self.data)
                answer, self.buffer = read_answer(self.connection, self.buffer)
            except (OSError, ValueError, IndexError, AttributeError):
                self.close()
                continue
            if answer.headers.get("connection", "").lower() == "close":
                self.close()
            return answer
        return NOTHING

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
