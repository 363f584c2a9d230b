#!/usr/bin/env python3
"""What curl_cases.py relies on, without a copy of curl's tests: how a case is read, selected and sent. Standard library only."""

import pathlib
import socket
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from curl_selection import LeftOut, request_of  # noqa: E402
from curl_server import CurlServer  # noqa: E402
from curl_suite import CurlSuite  # noqa: E402

CASE = b"""<testcase>
<reply>
<data crlf="headers" nonewline="yes">
HTTP/1.1 200 OK swsbounce
X: %hex[%41%00]hex%%repeat[3 x b%63]%%SP

<b>body %TESTNUMBER</b>
%if apple
apple
%else
%if !pear
no pear
%endif
%endif
</data>
<data1>
HTTP/1.1 200 OK%CR
swsclose: %b64[x:y]b64%%CR
</data1>
<data2>
second
</data2>
<data1000>
digest
</data1000>
</reply>
<client>
<server>
http
</server>
<command>
http://%HOSTIP:%HTTPPORT/%TESTNUMBER COMMAND
</command>
</client>
</testcase>
"""
DATA = b"HTTP/1.1 200 OK swsbounce\r\nX: A\0bcbcbc \r\n\r\n<b>body 7</b>\nno pear"


class SuiteTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="larder-curl-suite-")
        self.addCleanup(self.folder.cleanup)
        (pathlib.Path(self.folder.name) / "data").mkdir()
        self.suite = CurlSuite(self.folder.name)

    def case(self, command="", number=7):
        file = pathlib.Path(self.folder.name) / "data" / f"test{number}"
        file.write_bytes(CASE.replace(b"COMMAND", command.encode()))
        return self.suite.case(number, {"HOSTIP": "127.0.0.1", "HTTPPORT": "80"})

    def test_reads_a_case_as_the_harness_does(self):
        case = self.case()
        self.assertEqual(case.part("reply", "data"), DATA)
        self.assertEqual(case.part("reply", "data1"), b"HTTP/1.1 200 OK\r\nswsclose: eDp5\r\n")
        self.assertEqual(case.part("reply", "data3"), b"")
        self.assertEqual(case.text("client", "command"), "http://127.0.0.1:80/7")
        self.suite.features = {"apple"}
        self.assertTrue(self.case().part("reply", "data").endswith(b"</b>\napple"))

    def test_asks_both_programs_for_the_same(self):
        for command, curl, larder in (
                ("-s -o x -D head --compressed", ["--compressed"], []), ("-r 4", ["-r", "4"], ["--range", "4-"]),
                ("-C 10 -L", ["-C", "10"], ["--range", "10-"]), ("-sSHa:b", ["-H", "a:b"], ["--header", "a:b"]),
                ("--max-filesize=3", ["--max-filesize", "3"], ["--max-size", "3"])):
            request = request_of(self.case(command), set())
            self.assertEqual((request.curl, request.larder), (curl, larder), command)
            self.assertEqual(request.urls, ["http://127.0.0.1:80/7"])

    def test_leaves_out_what_is_no_plain_download(self):
        for command in ("-d x", "-X PUT", "-K file", "-b jar", "--unheard-of", "-k", "ftp://h/x", "-H Host:x", "-x ''",
                        "'http://h/{a,b}'"):
            with self.assertRaises(LeftOut, msg=command):
                request_of(self.case(command), set())

    def test_sends_what_is_asked_for(self):
        case = self.case()
        server = CurlServer(lambda number: self.suite.case(number), 7)
        self.addCleanup(server.close)

        def answers(*requests):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall("".join(f"{request}\r\n\r\n" for request in requests).encode())
                return b"".join(iter(lambda: connection.recv(65536), b""))

        second = case.part("reply", "data1")
        self.assertEqual(answers("GET /7 HTTP/1.1", "HEAD /x/7 HTTP/1.0"), DATA + second, "the word swsbounce")
        self.assertEqual(answers("GET /7?a/70001 HTTP/1.1"), second, "the number behind the last slash")
        self.assertEqual(answers("GET /70002 HTTP/1.1", "GET /70001 HTTP/1.1"), b"second\n" + second, "the connection is kept")
        self.assertEqual(answers("GET /7 HTTP/1.1\r\nAuthorization: Digest x", "GET /70001 HTTP/1.1"), b"digest\n" + second)
        self.assertEqual(answers("GET /70009 HTTP/1.1"), b"", "a section that is not there")


if __name__ == "__main__":
    unittest.main()
