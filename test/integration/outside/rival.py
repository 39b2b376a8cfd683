"""The rival of the bench: nginx with Lua and one Redis script (test/load/rival), started and stopped."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import processes
from .instance import ROOT, RedisConnection, free_port
from .waiting import until

SOURCE = ROOT / "test/load/rival"
MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
PACKAGES = ("libnginx-mod-http-lua", "lua-cjson")


def install():
    """True if the Lua module is there, if need be from Debian's packages."""
    if not MODULE.exists() and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return MODULE.exists()


class Rival:
    def __init__(self, key_hex):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rival."))
        self.port = free_port()
        self.redis_process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.folder / "redis.sock", "--dir", self.folder, "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"], stdout=subprocess.DEVNULL)
        self.redis = until("the rival's Redis answers", 20, lambda: RedisConnection(self.folder / "redis.sock"))
        sha = self.redis("SCRIPT", "LOAD", (SOURCE / "gate.lua").read_bytes())
        (self.folder / "gate.sha").write_bytes(sha + b"\n")
        text = (SOURCE / "nginx.conf").read_text()
        for name, value in {"FOLDER": self.folder, "SOURCE": SOURCE, "KEY": key_hex, "PORT": self.port}.items():
            text = text.replace(f"@{name}@", str(value))
        (self.folder / "nginx.conf").write_text(text)
        self.nginx_process = subprocess.Popen(["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], stderr=subprocess.DEVNULL)
        until("the rival's nginx has a pid", 20, lambda: (self.folder / "nginx.pid").exists())

    def pids(self):
        return processes.tree(self.redis_process.pid) + processes.tree(self.nginx_process.pid)

    def sale(self, sale_id, stock):
        now_ms = int(time.time() * 1000)
        self.redis("HSET", "{s%s}:g" % sale_id, "from", now_ms - 1000, "until", now_ms + 3600000, "limit", 1, "left", stock, "seq", 0, "price", 1999)
        return sale_id

    def end(self):
        for process in (self.nginx_process, self.redis_process):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
