"""python3-tuspy, the client of tus in Python, with Upload-Checksum: sha1 on each part.

It runs in this process: a client that is interrupted is one that stops after some parts and is made anew. Its own ways of
trying again are used where it has them (`retries`); the creation it never tries again.
"""

import os
import pathlib
import sys

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from larder_lab import MIB, Skip, expect, expect_equal, seeded_bytes

try:
    from tusclient.client import TusClient
    from tusclient.exceptions import TusCommunicationError
    from tusclient.storage import filestorage
    MISSING = None
except ImportError as error:
    MISSING = f"python3-tuspy: {error} (apt install python3-tuspy)"

BIG = 100 * MIB
TOKEN = "a-token-of-the-test-0123456789abcdef"


class Client:
    """Files of the lab and uploaders for one server or proxy."""

    def __init__(self, lab, server, headers=None):
        self.lab, self.client = lab, TusClient(server.url(f"/in/{INBOX}/"), headers=headers or {})

    def file(self, name, size, seed=1):
        path = self.lab.folder("sent") / name
        path.write_bytes(seeded_bytes(seed, size))
        return path

    def uploader(self, path, transaction="", **options):
        metadata = {"filename": pathlib.Path(path).name} | ({"larder-key": transaction} if transaction else {})
        options = {"metadata": metadata, "upload_checksum": True, "chunk_size": 8 * MIB, "retry_delay": 0, **options}
        return self.client.uploader(str(path), **options)


def upload(uploader):
    """upload() makes no upload of an empty file, as there is no part to send; upload_chunk() does."""
    if os.path.getsize(uploader.file_path) == 0:
        uploader.upload_chunk()
    uploader.upload()
    return uploader.url


def sizes(lab):
    inbox = lab_inbox(lab)
    client = Client(lab, inbox)
    sent = []
    for size in (0, 1, 8 * MIB, 20 * MIB + 1):
        file = client.file(f"f{size}", size)
        uploader = client.uploader(file, f"t{size}")
        upload(uploader)
        expect_equal(uploader.get_offset(), size, "the offset in the end")
        sent.append(Sent(f"t{size}", file.name, file))
    inbox.check(sent)


def without_a_word(lab):
    """No metadata, no transaction, no checksum, all in one request: two uploads are two files."""
    inbox = lab_inbox(lab)
    client = Client(lab, inbox)
    file = client.file("f", 3 * MIB)
    for _ in range(2):
        upload(client.client.uploader(str(file)))
    inbox.check([Sent("", "", file)] * 2)


def big(lab):
    """100 MiB over a line that breaks, with the tries of the client itself."""
    inbox = lab_inbox(lab)
    with CuttingProxy(inbox.port) as proxy:
        client = Client(lab, proxy)
        file = client.file("big", BIG)
        for number in range(6):
            proxy.cut(11 * MIB, reset=number % 2 == 1)
        proxy.lose_answer(b"upload-offset: 0\r\n")
        uploader = client.uploader(file, "t", retries=3)
        upload(uploader)
        proxy.expect_done()
        expect_equal(uploader.get_offset(), BIG, "the offset in the end")
    inbox.check([Sent("t", file.name, file)])


GO_ON = """
import sys
from tusclient.uploader import Uploader
Uploader(sys.argv[2], url=sys.argv[1], chunk_size=int(sys.argv[3]), upload_checksum=True).upload()
"""


def resumed_by_url(lab):
    """Processes that end in the middle of a part, by -9 or because the line breaks; each that comes after them knows the URL
    alone. A part whose checksum cannot be tested counts for nothing, the one before it stays."""
    inbox = lab_inbox(lab)
    with CuttingProxy(inbox.port) as proxy:
        client = Client(lab, proxy)
        file = client.file("f", 40 * MIB)
        first = client.uploader(file, "t")
        first.upload_chunk()
        for number in range(3):
            process = lab.process([sys.executable, "-c", GO_ON, first.url, file, 8 * MIB])
            proxy.cut(12 * MIB, then=process.kill if number != 1 else None)
            expect(process.wait(30) != 0, "an upload over a line that broke went well")
            expect_equal(client.uploader(file, url=first.url).get_offset(), (number + 2) * 8 * MIB, "the offset behind it")
        proxy.expect_done()
        expect_equal(lab.process([sys.executable, "-c", GO_ON, first.url, file, 8 * MIB]).wait(30), 0, "the last process")
    inbox.check([Sent("t", file.name, file)])


def resumed_by_storage(lab):
    """The client's own file of URLs; the server is killed and started again in between."""
    inbox = lab_inbox(lab)
    client = Client(lab, inbox)
    file = client.file("f", 20 * MIB)
    storage = {"store_url": True, "url_storage": filestorage.FileStorage(str(lab.directory / "urls.json"))}
    client.uploader(file, "t", **storage).upload_chunk()
    inbox.kill()
    inbox.start()
    again = client.uploader(file, "t", **storage)
    expect_equal(again.offset, 8 * MIB, "where the second client begins")
    again.upload()
    inbox.check([Sent("t", file.name, file)])


def creation_lost(lab):
    """The answer to the creation is lost; the client comes again with the same transaction: one upload, and one file."""
    inbox = lab_inbox(lab)
    with CuttingProxy(inbox.port) as proxy:
        client = Client(lab, proxy)
        file = client.file("f", 9 * MIB)
        proxy.lose_answer(b"POST /in/")
        try:
            client.uploader(file, "t").upload()
            raise AssertionError("a creation without an answer went well")
        except TusCommunicationError:
            pass
        proxy.expect_done()
        first = upload(client.uploader(file, "t"))
        # It begins at 0, hears 409, asks for the offset and has nothing left to send.
        third = client.uploader(file, "t", retries=1)
        expect_equal((upload(third), third.offset), (first, 9 * MIB), "a third client with the transaction")
    inbox.check([Sent("t", file.name, file)])


def checksum(lab):
    """A part whose bytes are not those of its checksum is refused with 460, and the upload goes on behind it."""
    inbox = lab_inbox(lab)
    client = Client(lab, inbox)
    file = client.file("f", 20 * MIB)
    uploader = client.uploader(file, "t")
    uploader.upload_chunk()
    damaged = client.file("damaged", 20 * MIB, seed=2)
    liar = client.uploader(damaged, url=uploader.url)
    # It computes the checksum of what it reads, and sends something else.
    liar_request = _lying_part(liar, file)
    expect_equal(liar_request.status_code, 460, "the answer to a part with another's checksum")
    expect_equal(uploader.get_offset(), 8 * MIB, "the offset behind it")
    uploader.upload()
    inbox.check([Sent("t", file.name, file)])


def _lying_part(uploader, claimed):
    from tusclient.request import TusRequest
    request = TusRequest(uploader)
    with open(claimed, "rb") as right:
        right.seek(uploader.offset)
        piece = right.read(uploader.get_request_length())
    request.add_checksum = lambda chunk: TusRequest.add_checksum(request, piece)
    request.perform()
    return request


def who_may(lab):
    inbox = lab_inbox(lab, principals={"ci": TOKEN, "other": TOKEN + "2"})
    with_token = [Client(lab, inbox, {"Authorization": f"Bearer {token}"}) for token in (TOKEN, TOKEN + "2", "wrong")]
    file = with_token[0].file("f", 9 * MIB)
    mine = with_token[0].uploader(file, "t")
    mine.upload_chunk()
    for other in with_token[1:]:
        try:
            other.uploader(file, url=mine.url)
            raise AssertionError("somebody else is told the offset")
        except TusCommunicationError as refused:
            expect(refused.status_code in (401, 404), f"the answer to somebody else is {refused.status_code}")
    upload(mine)
    # The transaction is one of this principal: to another one it is new.
    upload(with_token[1].uploader(file, "t"))
    inbox.check([Sent("t", file.name, file)] * 2)


CASES = {f.__name__: f for f in (sizes, without_a_word, big, resumed_by_url, resumed_by_storage, creation_lost, checksum, who_may)}


def run(_seed, lab, case):
    if MISSING:
        raise Skip(MISSING)
    CASES[case](lab)
