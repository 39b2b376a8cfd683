"""Processes of an instance as /proc shows them."""

import os

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _stat(pid):
    """Fields of /proc/PID/stat after the name: state is [0], ppid [1]."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def is_alive(pid):
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [word.decode(errors="replace") for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


def tree(root):
    """`root` and all its descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat(name)[1]), []).append(int(name))
            except OSError:
                continue
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def actor_pid(root, kind, number):
    """Pid of minishop-KIND --number N below `root`. Raises LookupError."""
    for pid in tree(root):
        words = command(pid)
        if words and os.path.basename(words[0]) == f"minishop-{kind}" and is_alive(pid):
            if "--number" in words and words[words.index("--number") + 1] == str(number):
                return pid
    raise LookupError(f"no live {kind}/{number}")


def actors(root):
    """{KIND/N: pid} of the live actors below `root`."""
    found = {}
    for pid in tree(root):
        words = command(pid)
        name = os.path.basename(words[0]) if words else ""
        if name.startswith("minishop-") and "--number" in words and is_alive(pid):
            found[f"{name[len('minishop-'):]}/{words[words.index('--number') + 1]}"] = pid
    return found


def cpu_s(pids):
    """User and system time of these processes and of those children of theirs that have ended."""
    total = 0
    for pid in pids:
        try:
            total += sum(map(int, _stat(pid)[11:15]))
        except OSError:
            continue
    return total / TICKS_PER_S


def rss_bytes(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def private_bytes(pid):
    """Memory that would be freed if the process ended: fair where processes share pages, as PostgreSQL's do."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
    except OSError:
        return 0
