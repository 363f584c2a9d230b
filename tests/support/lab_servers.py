"""Real servers for tests: nginx as origin and as caching proxy, squid as proxy. Loopback only, unprivileged ports,
own directories, in the foreground; stopped by their own process id."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def free_port_of(*addresses):
    """One that is free at each of them."""
    for _ in range(100):
        port = free_port(addresses[0])
        try:
            for address in addresses[1:]:
                with socket.socket() as probe:
                    probe.bind((address, port))
            return port
        except OSError:
            continue
    raise RuntimeError(f"no port is free at all of {addresses}")


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Server:
    """A child process that is ready once its port takes connections. `place`: the NetHost that it runs on (lab_net.py)."""

    def __init__(self, directory, command, port, name, address="127.0.0.1", place=None):
        self.directory, self.command, self.port, self.name = pathlib.Path(directory), command, port, name
        self.address, self.place = address, place
        self.process = None

    def _reach(self):
        def connect():
            socket.create_connection((self.address, self.port), 1).close()

        self.place.enter(connect) if self.place else connect()

    def start(self, timeout=15.0):
        log = open(self.directory / f"{self.name}.out", "ab")
        command = [*(self.place.prefix() if self.place else []), *map(str, self.command)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + timeout
        while True:  # a listening socket of a foreign program gives no event to wait on
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {(self.directory / f'{self.name}.out').read_text()[-800:]}")
            try:
                self._reach()
                return self
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.name} does not listen after {timeout} s") from None
                time.sleep(0.01)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


NGINX = """
worker_processes {workers};
daemon off;
{user}
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  types {{ }}
  default_type application/octet-stream;
  client_body_temp_path {dir}/tmp_body; proxy_temp_path {dir}/tmp_proxy; fastcgi_temp_path {dir}/tmp_f;
  uwsgi_temp_path {dir}/tmp_u; scgi_temp_path {dir}/tmp_s;
  log_format lab '$request_method $status $body_bytes_sent "$http_range" "$request_uri" "$upstream_cache_status" '
                 '$remote_addr $msec $request_time';
  access_log {dir}/access.log lab;
  sendfile on; tcp_nopush on; keepalive_requests 100000; keepalive_timeout 60s;
  {http}
  server {{
    listen {address}:{port};
    {server}
  }}
}}
"""


class Nginx(Server):
    """Serves `root`; `rate` in bytes/s for each connection. The access log is the origin's account of what it sent."""

    def __init__(self, directory, root=None, rate=0, http="", server="", workers=1, address="127.0.0.1", port=None,
                 place=None):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        port = port or free_port(address)
        self.root = pathlib.Path(root) if root else None
        if not server:
            shaped = f"limit_rate {int(rate)};" if rate else ""
            server = f"location / {{ root {root}; {shaped} }}"
        user = "user root;" if os.geteuid() == 0 else ""
        config = directory / "nginx.conf"
        config.write_text(NGINX.format(dir=directory, workers=workers, user=user, http=http, server=server,
                                       address=address, port=port))
        program = find_program("nginx")
        if not program:
            raise FileNotFoundError("nginx is not installed (apt install nginx-light)")
        super().__init__(directory, [program, "-c", str(config), "-e", str(directory / "error.log"), "-p",
                                     str(directory)], port, "nginx", address, place)

    def url(self, path):
        return f"http://{self.address}:{self.port}{path}"

    def requests(self):
        """[{method, status, sent, range, uri, cache, client, at, seconds}…] of the access log, in order of ending; `at` is
        the wall clock at the end."""
        pattern = re.compile(r'(\S+) (\d+) (\d+) "(.*?)" "(.*?)" "(.*?)" (\S+) ([\d.]+) ([\d.]+)$')
        log = self.directory / "access.log"
        found = [pattern.match(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [{"method": m[1], "status": int(m[2]), "sent": int(m[3]), "range": m[4], "uri": m[5], "cache": m[6],
                 "client": m[7], "at": float(m[8]), "seconds": float(m[9])} for m in found if m]

    def sent(self, uri=None):
        return sum(r["sent"] for r in self.requests() if r["method"] == "GET" and (uri is None or r["uri"] == uri))


def caching_nginx(directory, upstream, by_range, honours_no_cache, address="127.0.0.1"):
    """A proxy in front of `upstream` (host:port) that keeps bodies for an hour whatever the origin says. `by_range`:
    each range is a cache entry of its own, so parts of different editions lie beside each other, as in a badly set up
    delivery network. `honours_no_cache`: a request with Cache-Control: no-cache goes through."""
    directory = pathlib.Path(directory)
    bypass = "proxy_cache_bypass $http_cache_control;" if honours_no_cache else ""
    key = "$uri$http_range" if by_range else "$uri"
    ranged = "proxy_set_header Range $http_range; proxy_set_header If-Range $http_if_range;" if by_range else ""
    http = f"proxy_cache_path {directory}/cache keys_zone=lab:1m max_size=1g inactive=1h use_temp_path=off;"
    server = f"""
    location / {{
      proxy_pass http://{upstream};
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache lab; proxy_cache_key {key};
      proxy_cache_valid 200 206 1h;
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
      proxy_cache_use_stale error timeout invalid_header updating http_500 http_502 http_503 http_504;
      proxy_cache_convert_head on;
      {bypass} {ranged}
      add_header X-Cache $upstream_cache_status always;
      add_header Via "1.1 lab" always;
    }}"""
    return Nginx(directory, http=http, server=server, address=address)


def passing_nginx(directory, upstream, buffers, address="127.0.0.1"):
    """A proxy in front of an upload server, host:port. `buffers`: nginx's default, where the server sees nothing of a request
    before all of it has come."""
    server = f"""
    client_max_body_size 0;
    location / {{
      proxy_pass http://{upstream};
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_request_buffering {"on" if buffers else "off"};
    }}"""
    return Nginx(directory, server=server, address=address)


def dav_nginx(directory, root, address="127.0.0.1", port=None):
    """Takes files by PUT (WebDAV) into `root`, whatever their size."""
    server = f"""
    client_max_body_size 0;
    location / {{ root {root}; dav_methods PUT DELETE; create_full_put_path on; dav_access user:rw group:r all:r; }}"""
    return Nginx(directory, server=server, address=address, port=port)


APACHE = """
ServerRoot {dir}
ServerName lab
PidFile {dir}/httpd.pid
ErrorLog {dir}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
Listen {address}:{port}
{user}
DocumentRoot {root}
LimitRequestBody 0
DavLockDB {dir}/locks/db
<Directory {root}>
  Dav On
  Require all granted
</Directory>
"""


class ApacheDav(Server):
    """Takes files by PUT (mod_dav) into `root`."""

    MODULES = "/usr/lib/apache2/modules"

    def __init__(self, directory, root, address="127.0.0.1", port=None):
        directory, root, port = pathlib.Path(directory), pathlib.Path(root), port or free_port(address)
        program = find_program("apache2")
        if not program:
            raise FileNotFoundError("apache2 is not installed (apt install apache2-bin)")
        (directory / "locks").mkdir(parents=True, exist_ok=True)
        user = ""
        if os.geteuid() == 0:  # it refuses to serve as root
            user = "User nobody\nGroup nogroup"
            for made in (directory / "locks", root):
                shutil.chown(made, "nobody", "nogroup")
        config = directory / "httpd.conf"
        config.write_text(APACHE.format(dir=directory, root=root, modules=self.MODULES, user=user, address=address, port=port))
        super().__init__(directory, [program, "-f", config, "-D", "FOREGROUND"], port, "apache2", address)

    def url(self, path):
        return f"http://{self.address}:{self.port}{path}"


HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend uploads
  bind {address}:{port}
  default_backend nodes
backend nodes
  option redispatch 1
  retries 2
  {nodes}
"""


class HaProxy(Server):
    """In front of `nodes`, [(address, port)…]: of two the second is asked where the first does not take connections."""

    def __init__(self, directory, nodes, address="127.0.0.1", port=None):
        directory, port = pathlib.Path(directory), port or free_port(address)
        program = find_program("haproxy")
        if not program:
            raise FileNotFoundError("haproxy is not installed (apt install haproxy)")
        lines = [f"server node{i} {host}:{at} check inter 50ms fall 1 rise 1 {'backup' if i else ''}"
                 for i, (host, at) in enumerate(nodes)]
        config = directory / "haproxy.cfg"
        config.write_text(HAPROXY.format(address=address, port=port, nodes="\n  ".join(lines)))
        super().__init__(directory, [program, "-db", "-f", str(config)], port, "haproxy", address)

    def url(self, path):
        return f"http://{self.address}:{self.port}{path}"


SQUID = """
http_port {address}:{port}
http_access allow all
visible_hostname lab
pid_filename {dir}/squid.pid
coredump_dir {dir}
access_log stdio:{dir}/access.log
cache_log {dir}/cache.log
cache_store_log none
cache_mem 256 MB
maximum_object_size_in_memory 128 MB
maximum_object_size 128 MB
memory_cache_shared off
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
{user}
{rules}
"""
HEEDLESS = "refresh_pattern . 60 100% 60 override-expire override-lastmod {ignore} ignore-no-store ignore-private"


class Squid(Server):
    """A forward proxy that takes everything as fresh for an hour, and ignores a client's wish for revalidation unless
    `honours_no_cache`; or one with `rules` of its own instead."""

    def __init__(self, directory, honours_no_cache=False, rules=None, address="127.0.0.1", port=None, place=None):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        port = port or free_port(address)
        user = ""
        if os.geteuid() == 0:
            shutil.chown(directory, "proxy", "proxy")
            user = "cache_effective_user proxy"
        config = directory / "squid.conf"
        heedless = HEEDLESS.format(ignore="" if honours_no_cache else "ignore-reload")
        config.write_text(SQUID.format(dir=directory, address=address, port=port, user=user,
                                       rules=heedless if rules is None else rules))
        program = find_program("squid")
        if not program:
            raise FileNotFoundError("squid is not installed (apt install squid)")
        super().__init__(directory, [program, "-N", "-f", str(config)], port, "squid", address, place)

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"


def slicing_nginx(directory, upstream, honours_no_cache, slice_size="1m"):
    """As caching_nginx, but it cuts every file into slices that it keeps one by one: what it sends after the origin
    changed is sewn together from slices of several editions (it notices only differing ETags, and then hangs up)."""
    directory = pathlib.Path(directory)
    bypass = "proxy_cache_bypass $http_cache_control;" if honours_no_cache else ""
    http = f"proxy_cache_path {directory}/cache keys_zone=lab:1m max_size=1g inactive=1h use_temp_path=off;"
    server = f"""
    location / {{
      slice {slice_size};
      proxy_pass http://{upstream};
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Range $slice_range;
      proxy_cache lab; proxy_cache_key $uri$slice_range;
      proxy_cache_valid 200 206 1h;
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
      {bypass}
      add_header X-Cache $upstream_cache_status always;
      add_header Via "1.1 lab" always;
    }}"""
    return Nginx(directory, http=http, server=server)
