"""Faults that the scenarios need, besides those of outside/."""

import ctypes
import os
import shutil
import signal
import subprocess

from outside.waiting import until

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WAIT_ALL_THREADS = 0x40000000  # __WALL


class Frozen:
    """Processes that stand still for a while (SIGSTOP)."""

    def __init__(self, instance, *names):
        self.pids = [instance.kill(name, signal.SIGSTOP) for name in names]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


class HeldRow:
    """A transaction of somebody else that holds the row of a sale."""

    def __init__(self, instance, sale_id):
        password = (instance.folder / "postgres-password").read_text().strip()
        self.psql = subprocess.Popen(["psql", "-XAtq", "-h", instance.folder / "run", "-U", "postgres", "-d", "minishop"], cwd="/",
                                     env=dict(os.environ, PGPASSWORD=password), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.psql.stdin.write(f"BEGIN; SELECT 'held' FROM sale WHERE sale_id = {int(sale_id)} FOR UPDATE;\n".encode())
        self.psql.stdin.flush()
        assert self.psql.stdout.readline() == b"held\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait(20)
        self.psql.stdout.close()


def redis_data(instance):
    """What Redis keeps, without its settings."""
    return [path for path in (instance.folder / "redis").resolve().iterdir() if path.is_dir()]


def kill_redis(instance, change_data=None, thread=None):
    """kill -9; `change_data` happens while nobody can start it again. Returns when another one is there.
    `thread` is what stop_thread gave: its end has to be taken note of before the process is gone."""
    pid = instance.kill("redis", signal.SIGSTOP)
    if change_data:
        change_data()
    instance.kill("redis")
    if thread:
        os.waitpid(thread, WAIT_ALL_THREADS)
    until("redis is replaced", 30, lambda: instance.is_replaced("redis", pid))


def copy_redis(instance, folder):
    """A copy of its disk, as it is at one moment."""
    with Frozen(instance, "redis"):
        for path in redis_data(instance):
            subprocess.run(["cp", "-a", path, folder], check=True)


def restore_redis(instance, folder):
    for path in redis_data(instance):
        shutil.rmtree(path)
        subprocess.run(["cp", "-a", folder / path.name, path.parent], check=True)


def stop_thread(pid, name):
    """One thread of a process stands still from now on, the others go on: a disk that does not answer fsync. For ever: kill the process. Returns its number."""
    libc = ctypes.CDLL(None, use_errno=True)
    for tid in map(int, os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as file:
            if file.read().strip() != name:
                continue
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if libc.ptrace(request, tid, None, None) != 0:
                raise OSError(ctypes.get_errno(), f"ptrace of thread {name}")
        os.waitpid(tid, WAIT_ALL_THREADS)
        return tid
    raise LookupError(f"process {pid} has no thread {name}")
