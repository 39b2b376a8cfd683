"""A bad network in front of nginx: a TCP proxy, a process of its own, that delays, cuts in the middle, and closes one half.

    python3 -m outside.proxy PORT_TO SEED      prints the port that it listens on; on SIGTERM the counts of what it did, as JSON

Each connection draws its fate when it is accepted; most are `good`, and theirs is to be passed on as they are."""

import asyncio
import json
import pathlib
import random
import signal
import subprocess
import sys

CHUNK_BYTES = 65536
DELAY_S = (0.02, 0.4)
SWALLOW_S = 2
BYTES_BEFORE = (1, 6000)  # of a direction, before a connection's fate comes
FATES = {"good": 60, "delay": 20, "cut": 10, "half close": 5, "swallow": 5}


class Fate:
    def __init__(self, dice, counts):
        self.kind = dice.choices(list(FATES), FATES.values())[0]
        self.is_answer = dice.random() < 0.5  # which direction it is about
        self.left = dice.randint(*BYTES_BEFORE)
        self.delay_s = dice.uniform(*DELAY_S)
        self.counts = counts
        self.ends = ()  # writers of both sides

    def strike(self):
        self.counts[self.kind] = self.counts.get(self.kind, 0) + 1


class Proxy:
    def __init__(self, port, seed):
        self.port, self.dice = port, random.Random(seed)
        self.counts = {"connections": 0}

    async def serve(self):
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop.wait()
        server.close()
        print(json.dumps(self.counts), flush=True)

    async def _accept(self, client_reader, client_writer):
        fate = Fate(self.dice, self.counts)
        self.counts["connections"] += 1
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            client_writer.close()
            return
        fate.ends = (writer, client_writer)
        await asyncio.wait([asyncio.ensure_future(self._pump(client_reader, writer, fate, False)),
                            asyncio.ensure_future(self._pump(reader, client_writer, fate, True))])
        for end in fate.ends:
            end.close()

    async def _pump(self, reader, writer, fate, is_answer):
        """Passes bytes on until the sender is done, or until the connection's fate says so."""
        is_struck = fate.kind != "good" and fate.is_answer == is_answer
        try:
            while data := await reader.read(CHUNK_BYTES):
                fate.left -= len(data) if is_struck else 0
                if is_struck and fate.left <= 0 and not await self._strike(fate, writer, data):
                    return
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()

    async def _strike(self, fate, writer, data):
        """True if the bytes are to be passed on after all."""
        fate.strike()
        fate.left = self.dice.randint(*BYTES_BEFORE)
        if fate.kind == "delay":
            await asyncio.sleep(fate.delay_s)
            return True
        if fate.kind == "half close":  # this direction is at its end, the other one goes on
            writer.write(data)
            writer.write_eof()
            return False
        writer.write(data[:len(data) // 2])
        if fate.kind == "swallow":  # the rest never comes, and for a while nobody says so
            await asyncio.sleep(SWALLOW_S)
        for end in fate.ends:
            end.transport.abort()
        return False


class ProxyProcess:
    """The proxy, from outside."""

    def __init__(self, port, seed):
        self.process = subprocess.Popen([sys.executable, "-m", "outside.proxy", str(port), str(seed)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, cwd=pathlib.Path(__file__).resolve().parents[1])
        self.port = int(self.process.stdout.readline())

    def end(self):
        """What it did: {fate: count}."""
        self.process.terminate()
        try:
            return json.loads(self.process.communicate(timeout=20)[0] or b"{}")
        except (subprocess.TimeoutExpired, ValueError):
            self.process.kill()
            return {}


if __name__ == "__main__":
    asyncio.run(Proxy(int(sys.argv[1]), int(sys.argv[2])).serve())
