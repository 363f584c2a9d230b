"""The answers of a case of curl's test suite, sent as the suite's own server (tests/server/sws.c) sends them.

    server = CurlServer(lambda number: suite.case(number, variables), case_number)
    server.port, server.requests

The number behind the last slash of a request says what is sent: 12 is <data> of case 12; above 10,000 its last four digits are
the section, so that 12340002 is <data2> of case 1234. Credentials add to the section's number. An answer goes out in pieces of
20 bytes. The connection is kept, whatever HTTP says, unless the answer has the word `swsclose` or nothing at all, or the case
says so. HEAD gets the body too. Standard library only. Threads: one that accepts, one for each connection; `lock` guards what
they share.
"""

import re
import socket
import ssl
import threading
import time

_PIECE = 20
_CLOSE_AFTER_S = 0.05  # so that the client reads the answer before the end


class _Commands:
    """<servercmd> of a case."""

    def __init__(self, text):
        self.close = self.idle = self.stream = False
        self.delay_s = self.write_delay_s = 0.0
        for line in text.splitlines():
            number = re.match(r"(delay|writedelay): *(\d+)", line)
            self.close |= line.startswith("swsclose")
            self.idle |= line.startswith("idle")
            self.stream |= line.startswith("stream")
            if number and number[1] == "delay":
                self.delay_s = int(number[2]) / 1000
            elif number:
                self.write_delay_s = int(number[2]) / 1000


class CurlServer:
    def __init__(self, case_of, number, address="127.0.0.1", tls=None):
        self.case_of, self.number = case_of, number
        self.lock = threading.Lock()
        self.requests, self.connections = [], set()
        self.bounced = None  # (case, section) after an answer with `swsbounce`
        self.negotiated = None
        self.closing = False
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family, backlog=50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        """As a server that has just been started: what the next program is sent depends on no earlier one."""
        with self.lock:
            self.requests, self.bounced, self.negotiated = [], None, None

    def close(self):
        self.closing = True
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)  # the plain one has no descriptor after it
            with self.lock:
                self.connections.add(connection)
            waiting = b""
            while True:
                while b"\r\n\r\n" not in waiting:
                    more = connection.recv(65536)
                    if not more:
                        return
                    waiting += more
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                if not self._answer(connection, head.decode("latin-1")):
                    time.sleep(_CLOSE_AFTER_S)
                    return
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def _which(self, request):
        """(case, section) that a request asks for."""
        path = re.match(r"\S+\s+(.*?)\s*HTTP/\d", request)
        digits = re.match(r"/(\d+)", path[1][path[1].rfind("/"):]) if path and "/" in path[1] else None
        number, section = int(digits[1]) if digits else 0, 0
        if number > 10000:
            number, section = divmod(number, 10000)
        named = re.search(r"\nTestno: (\d+)", request)
        number = number or (int(named[1]) if named else self.number)
        if "Authorization: Negotiate" in request:
            if self.negotiated is None or self.negotiated[0] != number:
                self.negotiated = (number, section)
            section = self.negotiated[1] + 1
            self.negotiated = (number, section)
        elif "Authorization: Digest" in request:
            section += 1000
        elif "Authorization: NTLM TlRMTVNTUAAD" in request:
            section += 1002
        elif "Authorization: NTLM TlRMTVNTUAAB" in request:
            section += 1001
        elif section >= 1000 and "Authorization: Basic" in request:
            section += 1
        if self.bounced and self.bounced[0] == number:
            section = self.bounced[1] + 1
        return number, section

    def _answer(self, connection, request):
        """Whether the connection is kept."""
        with self.lock:
            number, section = self._which(request)
            self.requests.append(request)
        try:
            case = self.case_of(number)
        except FileNotFoundError:
            return False
        commands = _Commands(case.part("reply", "servercmd").decode("latin-1"))
        time.sleep(commands.delay_s)
        if commands.idle:
            return True
        while commands.stream:
            connection.sendall(b"a string to stream 01234567890\n")
        data = case.part("reply", f"data{section or ''}")
        text = data.partition(b"\0")[0]  # it looks for the words as C does
        with self.lock:
            self.bounced = (number, section) if b"swsbounce" in text else None
        for start in range(0, len(data), _PIECE):
            connection.sendall(data[start:start + _PIECE])
            time.sleep(commands.write_delay_s)
        for seconds in re.findall(r"wait +(\d+)", case.part("reply", "postcmd").decode("latin-1")):
            time.sleep(int(seconds))
        return bool(data) and b"swsclose" not in text and not commands.close
