"""A peer that sends garbage to every inbox."""

import subprocess

from outside import processes
from outside.instance import BIN
from outside.waiting import until

ROUNDS = 40
GROWTH_BYTES_MAX = 16 << 20


def refused(instance):
    return instance.metric("minishop_frames_refused_total") + instance.metric("minishop_wrong_incarnation_total")


def test_garbage_is_refused_and_counted(instance):
    """Garbage frames and msgpack bombs to every inbox are refused and counted; memory stays bounded, no process ends, sales go on."""
    token = instance.token_list(1)[0]
    sale_id = instance.sale(5)
    actors = {actor["pid"]: f"{actor['kind']}/{actor['id']}" for actor in instance.actors()}
    memory = {pid: processes.rss_bytes(pid) for pid in actors}
    before = refused(instance)
    result = subprocess.run([BIN / "minishop-hostile", instance.folder / "run/ipc", str(ROUNDS), "1"], stdout=subprocess.PIPE, check=True,
                            timeout=120)
    sent = dict(line.split() for line in result.stdout.decode().splitlines())
    total = sum(map(int, sent.values()))
    assert len(sent) >= len(actors), (sent, actors)
    # A process hands its counters to the edges once a second.
    until(f"{total} messages refused and counted", 30, lambda: refused(instance) - before >= total, 0.5)
    for pid, name in actors.items():
        assert processes.is_alive(pid), f"{name} ended"
        assert processes.rss_bytes(pid) - memory[pid] <= GROWTH_BYTES_MAX, f"{name} grew"
    assert instance.buy(sale_id, token, "after").status == 201
    return f"{total} messages to {len(sent)} inboxes"
