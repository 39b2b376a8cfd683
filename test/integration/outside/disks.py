"""Disks that are slow or full: a small file system of its own under a store's folder, and a tracer that holds up its fsync."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from . import processes
from .programs import install

STRACE = "/usr/bin/strace"
DISK_BYTES = 6 << 30  # sparse: only what is written is taken


class SmallDisk:
    """An ext4 file system in a file, in the place of a folder of an instance that is stopped. It can be filled to the last block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.image = None

    def mount(self):
        """False if this machine does not let us."""
        mkfs = shutil.which("mkfs.ext4", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if os.geteuid() != 0 or not mkfs:
            return False
        with tempfile.NamedTemporaryFile(prefix="disk.", delete=False) as file:
            file.truncate(DISK_BYTES)
            self.image = file.name
        options = ["-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1"]
        old = self.folder.with_suffix(".before")
        self.folder.rename(old)
        self.folder.mkdir()
        is_made = (subprocess.run([mkfs, *options, self.image], check=False, capture_output=True).returncode == 0 and
                   subprocess.run(["mount", "-o", "loop", self.image, self.folder], check=False, capture_output=True).returncode == 0)
        if is_made:
            (self.folder / "lost+found").rmdir()  # a database wants nothing but its own
            subprocess.run(["cp", "-a", f"{old}/.", self.folder], check=True)
            shutil.rmtree(old)
        else:
            os.unlink(self.image)
            self.image = None
            self.folder.rmdir()
            old.rename(self.folder)
        return is_made

    def _ballast(self):
        return self.folder / "ballast"

    def fill(self):
        """Takes what is free, so that the next block that is wanted is not there."""
        with open(self._ballast(), "ab") as file:
            while True:
                free = os.statvfs(self.folder)
                count = free.f_bavail * free.f_frsize
                if count < free.f_frsize:
                    break
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, count)
                except OSError:
                    if count <= 16 * free.f_frsize:
                        break
                    try:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, count // 2)
                    except OSError:
                        break

    def free(self):
        self._ballast().unlink(missing_ok=True)

    def unmount(self):
        if self.image:
            for options in ([], ["-l"]):
                if subprocess.run(["umount", *options, self.folder], check=False, capture_output=True).returncode == 0:
                    break
            os.unlink(self.image)
            self.image = None


class SlowFsync:
    """Every fsync of these processes takes that much longer, until the end: a disk that is busy with something else."""

    def __init__(self, pids, delay_us):
        words = [STRACE, "-q", "-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:delay_enter={delay_us}"]
        for pid in pids:
            words += ["-p", str(pid)]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        """Lets go of them: they go on as if nothing had been."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @staticmethod
    def is_possible():
        return install("strace", STRACE)

    @staticmethod
    def pids_of(instance, store):
        return processes.tree(instance.pid_of(store))
