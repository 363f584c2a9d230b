"""What a host without a certificate can try: listen on the LAN, send datagrams, open connections. All of it happens on
the stranger's place (a namespace, or a loopback address)."""

import contextlib
import os
import random
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from lab_office import CATALOGUE_PORT, SWARM_PORT

MULTICAST_V4 = "239.255.76.82"


class Stranger:
    def __init__(self, lab, office, name="stranger"):
        self.office, self.place = office, office.new_place()
        self.directory = lab.folder(name)
        self.address = self.place.address

    # -- datagrams -----------------------------------------------------------------------------------------------------
    def datagram_socket(self, port=0):
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((self.address, port))
            return made

        return self.place.enter(make)

    def listen_to_multicast(self):
        """A socket that hears what the office tells everybody."""
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((MULTICAST_V4, CATALOGUE_PORT))
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            socket.inet_aton(MULTICAST_V4) + socket.inet_aton(self.address))
            return made

        return self.place.enter(make)

    @staticmethod
    def drain(sock, seconds, enough=10**9):
        """Datagrams that come within so long."""
        got, deadline = [], time.monotonic() + seconds
        while len(got) < enough and (left := deadline - time.monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                got.append(sock.recv(65536))
        return got

    @staticmethod
    def made_up(rng, heard):
        """One datagram: noise, noise behind a real beginning, a real one cut short, changed, or as it was."""
        kind = rng.randrange(5) if heard else 0
        real = rng.choice(heard) if heard else b""
        if kind == 0:
            return rng.randbytes(rng.randrange(0, 300))
        if kind == 1:
            return real[:8] + rng.randbytes(rng.randrange(1, 300))
        if kind == 2:
            return real[:rng.randrange(len(real))]
        if kind == 3:
            changed = bytearray(real)
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            return bytes(changed)
        return real

    # -- connections ---------------------------------------------------------------------------------------------------
    def connect(self, address, port, timeout=5):
        return self.place.enter(
            lambda: socket.create_connection((address, port), timeout, source_address=(self.address, 0)))

    def own_certificate(self):
        """A self-signed Ed25519 certificate for any name, as an agent's looks."""
        key, certificate = self.directory / "key.pem", self.directory / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", certificate, "-days",
                        "30", "-subj", "/CN=stranger", "-addext", "subjectAltName=DNS:*"], check=True, capture_output=True)
        return certificate, key

    def ask(self, address, port, request, certificate=None, name="x", timeout=4):
        """Bytes that come back over TLS: (bytes, how it ended)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        got = b""
        try:
            with self.connect(address, port, timeout) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
                secure.sendall(request)
                while piece := secure.recv(65536):
                    got += piece
            return got, "closed"
        except (OSError, ssl.SSLError) as error:
            return got, f"{type(error).__name__}: {error}"

    def ask_plainly(self, address, port, request, timeout=4):
        got = b""
        try:
            with self.connect(address, port, timeout) as plain:
                plain.sendall(request)
                while piece := plain.recv(65536):
                    got += piece
            return got, "closed"
        except OSError as error:
            return got, f"{type(error).__name__}: {error}"

    # -- floods --------------------------------------------------------------------------------------------------------
    def flood_datagrams(self, targets, count, heard, seed, seconds):
        """`count` datagrams spread over so many seconds, in a thread; join() it."""
        rng = random.Random(f"flood {seed}")
        made = [self.made_up(rng, heard) for _ in range(256)]
        sock = self.datagram_socket()

        def send():
            started = time.monotonic()
            for number in range(count):
                with contextlib.suppress(OSError):
                    sock.sendto(made[number % len(made)], (targets[number % len(targets)], CATALOGUE_PORT))
                if number % 50 == 49:  # the pace of the flood
                    time.sleep(max(0.0, started + seconds * number / count - time.monotonic()))
            sock.close()

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    def half_open(self, targets, count):
        """TLS connections that begin a handshake and leave it at that; a context manager that keeps them open."""
        return _HalfOpen(self, targets, count)


def client_hello_beginning():
    """The record and handshake headers of a ClientHello of 500 bytes, and a part of it."""
    return struct.pack("!BHHB", 22, 0x0301, 504, 1) + (500).to_bytes(3, "big") + struct.pack("!H", 0x0303) + os.urandom(32)


class _HalfOpen:
    def __init__(self, stranger, targets, count):
        self.stranger, self.targets, self.count, self.sockets = stranger, targets, count, []

    def __enter__(self):
        def open_all():
            for number in range(self.count):
                port = CATALOGUE_PORT if number % 4 else SWARM_PORT
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                sock.setblocking(False)
                self.sockets.append(sock)
                sock.bind((self.stranger.address, 0))
                sock.connect_ex((self.targets[number % len(self.targets)], port))

        self.stranger.place.enter(open_all)
        deadline, waiting = time.monotonic() + 5, list(self.sockets)
        while waiting and time.monotonic() < deadline:
            _, ready, _ = select.select([], waiting[:900], [], 0.2)
            for sock in ready:
                waiting.remove(sock)
                with contextlib.suppress(OSError):
                    sock.send(client_hello_beginning())
            if not ready:
                break
        return self

    def __exit__(self, *_):
        for sock in self.sockets:
            sock.close()
