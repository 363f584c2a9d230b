"""The API of the Larder agent for Python programs: downloads that outlive the program, judged before use.

    import larder

    with larder.Client() as agent:
        job = agent.create_job({"files": [{"url": "https://example.org/x.iso"}], "verdict": {"app": True}})
        for job in agent.follow(job["id"]):
            print(job["state"])

Each operation of the API (docs/api.yaml) is a method of Client, named as its operationId; bodies and answers are the
TypedDicts below, named as its schemas. Contents come as read-only files, over the agent's socket. A Client has one
connection and belongs to one thread; several may be used side by side. Standard library only, Python 3.11 or later.
"""

from __future__ import annotations

import array
import http.client
import json
import os
import select
import socket
import urllib.parse
from typing import Any, BinaryIO, Iterator, NamedTuple, NotRequired, TypedDict, cast

__all__ = ["AgentError", "AgentUnreachable", "Client", "Content", "Event"]

SYSTEM_SOCKET = "/run/larder/api.sock"
MAX_DESCRIPTORS = 64  # of one answer
ENDED = frozenset({"transferred", "error", "acknowledged", "cancelled"})


class AgentError(Exception):
    """What the agent answered: `code` is stable (Error in docs/api.yaml), the message is for people."""

    def __init__(self, code: str, message: str, status: int = 0, retry_after_s: float | None = None):
        super().__init__(message)
        self.code, self.status, self.retry_after_s = code, status, retry_after_s


class AgentUnreachable(AgentError):
    """No agent answers at the socket, or it went away before its answer. A job that was made goes on without us."""

    def __init__(self, path: str, why: object):
        super().__init__("agent_unreachable", f"cannot reach an agent at {path}: {why}; is larderd running?")


class Event(NamedTuple):
    """One change. `data` is a Job without files, or a FileEvent; {} of "reset", where events are missing."""

    kind: str
    id: str
    data: dict[str, Any]


class Content(NamedTuple):
    """A file's content, open for reading; close `file`. Only the first `contiguous` bytes are there while it is fetched."""

    file: BinaryIO
    size: int | None
    contiguous: int
    last_modified: str | None


class Error(TypedDict):
    code: str
    message: str
    retry_after_s: NotRequired[float]


class Crowd(TypedDict):
    members: int
    fetchers: int
    segments: int
    held: int
    first_hand: int
    elsewhere: int
    claimed: int


class Figures(TypedDict):
    origin: int
    peers: int
    cache: int
    wasted: int


class Status(TypedDict):
    version: str
    api: int
    pid: NotRequired[int]
    uptime_s: float
    state_directory: NotRequired[str]
    user: NotRequired[int]
    authorities: NotRequired[StatusAuthorities]
    jobs: dict[str, int]
    active_transfers: int
    bytes: Figures
    files: StatusFiles
    cache: StatusCache
    hooks: NotRequired[list[str]]
    notify_commands: NotRequired[list[str]]
    caller: NotRequired[StatusCaller]


class StatusAuthorities(TypedDict):
    source: str
    fingerprint: str | None


class StatusFiles(TypedDict):
    transferred: int
    failed: int
    cache_hits: int
    verdicts_not_valid: int


class StatusCache(TypedDict):
    records: int
    bytes: int
    max_size: int
    keep_free: int
    available: int
    evicted: int
    dropped_damaged: int


class StatusCaller(TypedDict):
    uid: int
    admin: bool


class Job(TypedDict):
    id: str
    kind: str
    name: str
    owner: int
    state: str
    priority: str
    created: str
    modified: str
    finished: str | None
    error: Error | None
    error_count: int
    retry_at: str | None
    gives_up_at: str | None
    active_time_s: float
    size: int | None
    bytes: int
    figures: Figures
    crowd: Crowd | None
    not_shared: NotShared | None
    files_total: int
    files_done: int
    max_rate: int
    verdict: JobVerdict
    files: NotRequired[list[File]]


class JobVerdict(TypedDict):
    hook: str | None
    app: bool
    minisign: bool


class Jobs(TypedDict):
    jobs: list[Job]


class File(TypedDict):
    index: int
    url: str
    mirrors: list[str]
    mirror: int
    destination: str
    state: str
    size: int | None
    bytes: int
    contiguous: int
    figures: Figures
    crowd: Crowd | None
    content: str | None
    etag: str | None
    last_modified: str | None
    sha256: str | None
    actual_sha256: str | None
    verdict: str | None
    verdict_reason: str
    effective_url: str | None
    file_name: str | None
    note: str
    not_shared: NotShared | None
    restarts: int
    offline_age_s: float | None
    name: NotRequired[str | None]
    transaction: NotRequired[str]
    protocol: NotRequired[str | None]
    source: NotRequired[str]
    sent: NotRequired[int]
    resent: NotRequired[int]
    confirmed: NotRequired[bool]
    reply: NotRequired[bool]
    ranges: list[list[int | None]]
    error: Error | None


class NotShared(TypedDict):
    reason: str
    text: str
    machine: bool
    key: str | None


class FileEvent(TypedDict):
    job: str
    file: File


class FileEventBrief(TypedDict):
    job: str
    file: FileEventBriefFile


class FileEventBriefFile(TypedDict):
    index: int
    state: str
    size: int | None
    content: str | None
    verdict: str | None


class Version(TypedDict):
    url: str
    size: int | None
    etag: str | None
    last_modified: str | None


class Record(TypedDict):
    id: str
    state: str
    size: int | None
    root: str | None
    sha256: str | None
    validated: bool
    pinned: bool
    shareable: bool
    bytes_held: int
    created: str | None
    last_used: str | None
    uses: int | None
    versions: list[Version]


class RecordWithSegments(TypedDict):
    id: str
    state: str
    size: int | None
    root: str | None
    sha256: str | None
    validated: bool
    pinned: bool
    shareable: bool
    bytes_held: int
    created: str | None
    last_used: str | None
    uses: int | None
    versions: list[Version]
    segments: list[Segment]


class Segment(TypedDict):
    index: int
    offset: int
    length: int
    root: str | None
    source: str


class Records(TypedDict):
    records: list[Record]
    next: str | None


class Removed(TypedDict):
    removed: int


class Descriptor(TypedDict):
    size: int | None
    contiguous: int
    last_modified: str | None


class Descriptors(TypedDict):
    files: list[DescriptorsFilesItem]


class DescriptorsFilesItem(TypedDict):
    index: int
    size: int | None
    contiguous: int
    last_modified: str | None


class ConfigView(TypedDict):
    toml: str
    keys: list[ConfigViewKeysItem]


class ConfigViewKeysItem(TypedDict):
    section: str
    name: str
    kind: str
    unit: str
    default: str
    range: str
    meaning: str


class Peers(TypedDict):
    id: str | None
    enabled: bool
    in_group: bool
    up: bool
    protocol: int
    trouble: str | None
    use: bool
    serving: bool
    serving_trouble: str | None
    listening_trouble: str | None
    unreached_trouble: str | None
    unreached_by: int
    copied: str | None
    copied_command: str | None
    known_members: int
    alone_for_s: float | None
    offered: int
    catalogue_port: int
    swarm_port: int
    discovery_port: int
    multicast: bool
    multicast_interfaces: int
    multicast_hellos: int
    unicast_hellos: int
    clock_rejections: int
    given: int
    taken: int
    condemned_versions: int
    inconstant_hosts: int
    peers: list[PeersPeersItem]


class PeersPeersItem(TypedDict):
    id: str
    name: str | None
    address: str | None
    serving: bool
    multicast: bool
    load: int
    last_heard_s: float | None
    shunned: str | None
    shunned_until: str | None
    doubted: str | None
    doubted_until: str | None


class Pardon(TypedDict):
    agent: str


class Pardoned(TypedDict):
    id: str
    pardoned: bool


class Group(TypedDict):
    name: str | None
    id: str | None
    role: str
    active: bool
    revoked: bool
    holder: str | None
    state_version: int
    key_epoch: int
    certificate_expires: str | None
    members: list[GroupMembersItem]
    revoked_agents: list[GroupRevokedAgentsItem]
    invitations: NotRequired[list[GroupInvitationsItem]]
    problem: str | None


class GroupMembersItem(TypedDict):
    id: str
    name: str | None
    address: str | None
    certified_until: str | None


class GroupRevokedAgentsItem(TypedDict):
    id: str
    at: str


class GroupInvitationsItem(TypedDict):
    expires: str
    uses_left: int


class Invited(TypedDict):
    invitation: str
    expires: str
    uses: int


class Revoked(TypedDict):
    id: str
    invitations_closed: int


class CreateJob(TypedDict):
    name: NotRequired[str]
    priority: NotRequired[str]
    files: NotRequired[list[FileSpec]]
    start: NotRequired[bool]
    verdict: NotRequired[VerdictPolicy]
    max_rate: NotRequired[int]
    max_file_size: NotRequired[int]
    parallel_ranges: NotRequired[int]
    use_cache: NotRequired[bool]
    store: NotRequired[bool]
    redirect_loopback: NotRequired[bool]
    use_peers: NotRequired[bool]
    share: NotRequired[bool]
    offline_ok: NotRequired[bool]
    retry_delay_s: NotRequired[float]
    no_progress_timeout_s: NotRequired[float]
    maximum_time_s: NotRequired[float]
    notify: NotRequired[str]
    connect: NotRequired[Connect]


class CreateUpload(TypedDict):
    name: NotRequired[str]
    priority: NotRequired[str]
    files: list[UploadSpec]
    start: NotRequired[bool]
    transaction: NotRequired[str]
    protocol: NotRequired[str]
    reply: NotRequired[bool]
    spool: NotRequired[bool]
    overwrite: NotRequired[bool]
    max_rate: NotRequired[int]
    retry_delay_s: NotRequired[float]
    no_progress_timeout_s: NotRequired[float]
    maximum_time_s: NotRequired[float]
    notify: NotRequired[str]
    connect: NotRequired[Connect]


class UploadSpec(TypedDict):
    url: str
    name: NotRequired[str]
    sha256: NotRequired[str]


class FileSpec(TypedDict):
    url: str
    mirrors: NotRequired[list[str]]
    destination: NotRequired[str]
    ranges: NotRequired[list[list[int | None]]]
    sha256: NotRequired[str]
    minisign_signature: NotRequired[str]


class VerdictPolicy(TypedDict):
    minisign: NotRequired[VerdictPolicyMinisign]
    hook: NotRequired[str]
    app: NotRequired[bool]


class VerdictPolicyMinisign(TypedDict):
    public_key: str
    signature: NotRequired[str]


class Connect(TypedDict):
    headers: NotRequired[list[list[str]]]
    user: NotRequired[str]
    password: NotRequired[str]
    proxy: NotRequired[str]
    proxy_user: NotRequired[str]
    proxy_password: NotRequired[str]
    ca_certificates: NotRequired[str]
    client_certificate: NotRequired[str]
    client_key: NotRequired[str]
    client_key_password: NotRequired[str]
    http: NotRequired[str]


class AddFiles(TypedDict):
    files: list[FileSpec]


class ChangeJob(TypedDict):
    name: NotRequired[str]
    priority: NotRequired[str]
    max_rate: NotRequired[int]
    retry_delay_s: NotRequired[float]
    no_progress_timeout_s: NotRequired[float]
    maximum_time_s: NotRequired[float]
    notify: NotRequired[str]


class Verdict(TypedDict):
    valid: bool
    reason: NotRequired[str]


class Retarget(TypedDict):
    url: str


class WhichFiles(TypedDict):
    files: list[int]


class Pin(TypedDict):
    pinned: bool


class CreateGroup(TypedDict):
    name: str


class Invite(TypedDict):
    uses: NotRequired[int]
    expires_s: NotRequired[float]


class Join(TypedDict):
    invitation: str


class Leave(TypedDict):
    give_up_authority: NotRequired[bool]


class Revoke(TypedDict):
    agent: str



class _Socket(socket.socket):
    """Keeps the descriptors that come with what is read (SCM_RIGHTS), which http.client would lose."""

    def __init__(self) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.descriptors: list[int] = []
        self.sources: list[int] = []  # go with the next bytes that are sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.sources:
            data = memoryview(data)
            numbers, self.sources = array.array("i", self.sources), []
            data = data[self.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)], flags):]
        super().sendall(data, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer)[:nbytes] if nbytes else buffer
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        size, ancillary, _, _ = self.recvmsg_into([view], room, flags | socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                self.descriptors += numbers
        return size


class _Connection(http.client.HTTPConnection):
    sock: _Socket | None

    def __init__(self, path: str, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        made = _Socket()
        made.settimeout(self.timeout)
        try:
            made.connect(self.path)
        except OSError:
            made.close()
            raise
        self.sock = made

    def drop_if_closed(self) -> None:
        """Nothing is awaited: what can be read of a kept connection is its end."""
        if self.sock is not None and select.select([self.sock], [], [], 0)[0]:
            self.close()


def find_socket() -> str:
    """LARDER_SOCKET, else the system's agent, else this user's own (which `larder status` starts)."""
    if named := os.environ.get("LARDER_SOCKET"):
        return named
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    try:
        with open(f"{state}/larder/socket", encoding="utf-8") as record:
            own = record.readline().rstrip("\n")
    except OSError:
        own = f"{state}/larder/api.sock"
    return SYSTEM_SOCKET if os.path.exists(SYSTEM_SOCKET) or not os.path.exists(own) else own


class Client:
    """One connection to the agent. `timeout` is for each answer, in seconds; the agent answers at once."""

    def __init__(self, path: str | None = None, timeout: float = 60.0):
        self.path = path or find_socket()
        self.last_event: str | None = None  # before the last job that was shown: `after` for the events of all that follows
        self._timeout = timeout
        self._connection = _Connection(self.path, timeout)
        self._descriptors: list[int] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    # --- the agent

    def get_status(self) -> Status:
        return self._call("GET", "/v1/status")

    def get_metrics(self) -> str:
        return self._request("GET", "/metrics").decode()

    def get_config(self) -> ConfigView:
        return self._call("GET", "/v1/config")

    def reload_config(self) -> None:
        self._call("POST", "/v1/reload")

    def stream_events(self, job: str | None = None, after: str | None = None, files: str | None = None) -> Iterator[Event]:
        """Until the agent ends it, or the iterator is closed. The first one has the kind "position" and tells where it stands."""
        answer = self._open("GET", _target("/v1/events", job=job, after=after, files=files), {})
        return _events(answer)

    # --- jobs

    def list_jobs(self, state: str | None = None, all: bool = False) -> Jobs:  # noqa: A002: as the API names it
        return self._call("GET", _target("/v1/jobs", state=state, all=all))

    def create_job(self, job: CreateJob, *, files: bool = True, once: bool = False, wait_ms: int | None = None,
                   descriptor: bool = False) -> Job:
        """With `wait_ms` and `descriptor` a content that is there by then can be taken with take_descriptors()."""
        return self._call("POST", _target("/v1/jobs", files=files, once=once, wait_ms=wait_ms, descriptor=descriptor), job)

    def create_upload(self, upload: CreateUpload, sources: list[BinaryIO], *, files: bool = True) -> Job:
        """`sources`: regular files opened for reading alone, in the order of the upload's files; the caller closes them."""
        return self._call("POST", _target("/v1/uploads", files=files), upload, [source.fileno() for source in sources])

    def get_reply(self, id: str, index: int) -> http.client.HTTPResponse:  # noqa: A002
        """What the application answered to the upload, as a stream to read and close."""
        return self._open("GET", _job(id, "files", index, "reply"), {})

    def get_job(self, id: str, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("GET", _target(_job(id), files=files))

    def change_job(self, id: str, change: ChangeJob, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("PATCH", _target(_job(id), files=files), change)

    def add_files(self, id: str, more: AddFiles, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "files"), files=files), more)

    def resume_job(self, id: str, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "resume"), files=files))

    def suspend_job(self, id: str, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "suspend"), files=files))

    def cancel_job(self, id: str, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "cancel"), files=files))

    def complete_job(self, id: str, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "complete"), files=files))

    def follow(self, id: str) -> Iterator[Job]:  # noqa: A002
        """The job, with its files, now and after each change, until it has ended."""
        events = self.stream_events(job=id)
        next(events)  # from here on no change is missed
        job = self.get_job(id)
        yield job
        for event in events:
            if job["state"] in ENDED:
                return
            if event.kind in ("job.state", "file.state", "reset"):
                job = self.get_job(id)
                yield job
        raise AgentUnreachable(self.path, "the agent ended the events")

    # --- files of a job

    def open_files(self, id: str, which: WhichFiles) -> list[Content]:  # noqa: A002
        answer: Descriptors = self._call("POST", _job(id, "descriptors"), which)
        files = self.take_descriptors()
        return [Content(file, of["size"], of["contiguous"], of["last_modified"]) for file, of in zip(files, answer["files"], strict=True)]

    def open_file(self, id: str, index: int, *, partial: bool = False) -> Content:  # noqa: A002
        answer: Descriptor = self._call("POST", _target(_job(id, "files", index, "descriptor"), partial=partial))
        (file,) = self.take_descriptors()
        return Content(file, answer["size"], answer["contiguous"], answer["last_modified"])

    def get_content(self, id: str, index: int, byte_range: str | None = None) -> http.client.HTTPResponse:  # noqa: A002
        """The bytes as a stream to read and close, with the headers of the answer; `byte_range`: "0-99", "500-"."""
        return self._open("GET", _job(id, "files", index, "content"), {"Range": f"bytes={byte_range}"} if byte_range else {})

    def give_verdict(self, id: str, index: int, verdict: Verdict, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "files", index, "verdict"), files=files), verdict)

    def retarget_file(self, id: str, index: int, to: Retarget, *, files: bool = True) -> Job:  # noqa: A002
        return self._call("POST", _target(_job(id, "files", index, "retarget"), files=files), to)

    def take_descriptors(self) -> list[BinaryIO]:
        """What came with the last answer, and is the caller's to close from now on."""
        taken, self._descriptors = self._descriptors, []
        return [os.fdopen(descriptor, "rb") for descriptor in taken]

    # --- the cache

    def list_records(self, after: str | None = None, limit: int | None = None, url: str | None = None) -> Records:
        return self._call("GET", _target("/v1/cache", after=after, limit=limit, url=url))

    def remove_records(self, url: str | None = None) -> Removed:
        return self._call("DELETE", _target("/v1/cache", url=url))

    def get_record(self, id: str) -> RecordWithSegments:  # noqa: A002
        return self._call("GET", f"/v1/cache/{_quote(id)}")

    def remove_record(self, id: str) -> None:  # noqa: A002
        self._call("DELETE", f"/v1/cache/{_quote(id)}")

    def pin_record(self, id: str, pin: Pin) -> Record:  # noqa: A002
        return self._call("POST", f"/v1/cache/{_quote(id)}/pin", pin)

    # --- sharing

    def get_peers(self) -> Peers:
        return self._call("GET", "/v1/peers")

    def pardon_agent(self, which: Pardon) -> Pardoned:
        return self._call("POST", "/v1/peers/pardon", which)

    def get_group(self) -> Group:
        return self._call("GET", "/v1/group")

    def create_group(self, group: CreateGroup) -> Group:
        return self._call("POST", "/v1/group", group)

    def invite(self, invite: Invite) -> Invited:
        return self._call("POST", "/v1/group/invite", invite)

    def join_group(self, join: Join) -> Group:
        return self._call("POST", "/v1/group/join", join)

    def leave_group(self, leave: Leave) -> Group:
        return self._call("POST", "/v1/group/leave", leave)

    def revoke_agent(self, which: Revoke) -> Revoked:
        return self._call("POST", "/v1/group/revoke", which)

    # --- requests

    def _call(self, method: str, target: str, body: Any = None, sources: list[int] | None = None) -> Any:
        text = self._request(method, target, body, sources)
        return json.loads(text) if text else None

    def _request(self, method: str, target: str, body: Any = None, sources: list[int] | None = None) -> bytes:
        for file in self.take_descriptors():
            file.close()  # of an answer before, that nobody took
        connection = self._connection
        connection.drop_if_closed()
        content = None if body is None else json.dumps(body).encode()
        try:
            if sources:
                if connection.sock is None:
                    connection.connect()
                connection.sock.sources = sources
            connection.request(method, target, content, {"Content-Type": "application/json"} if content else {})
            held = connection.sock
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AgentUnreachable(self.path, error) from error
        if held is not None:
            self._descriptors, held.descriptors = held.descriptors, []
        if answer.status >= 400:
            raise _error(answer.status, text)
        self.last_event = answer.getheader("Larder-Event", self.last_event)
        return text

    def _open(self, method: str, target: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """On a connection of its own, which ends with the answer."""
        connection = _Connection(self.path, self._timeout)
        try:
            connection.request(method, target, headers={**headers, "Connection": "close"})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AgentUnreachable(self.path, error) from error
        if answer.status >= 400:
            with answer:
                raise _error(answer.status, answer.read())
        return answer


def _quote(text: object) -> str:
    return urllib.parse.quote(str(text), safe="")


def _job(*parts: object) -> str:
    return "/v1/jobs/" + "/".join(_quote(part) for part in parts)


def _target(path: str, **query: object) -> str:
    """What is None or a False that the API takes for granted is left out; `files` is on unless it is off."""
    given = {name: int(value) if isinstance(value, bool) else value for name, value in query.items()
             if value is not None and (value is not False if name != "files" else value is not True)}
    return f"{path}?{urllib.parse.urlencode(given)}" if given else path


def _error(status: int, text: bytes) -> AgentError:
    try:
        error = cast(Error, json.loads(text)["error"])
        return AgentError(error["code"], error["message"], status, error.get("retry_after_s"))
    except (ValueError, KeyError, TypeError):
        return AgentError("agent_answer_invalid", f"cannot understand the agent's answer with status {status}", status)


def _events(answer: http.client.HTTPResponse) -> Iterator[Event]:
    with answer:
        kind, number, data = "", "", ""
        while line := answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "id":
                number = value
            elif name == "data":
                data += value
            elif not name and not value and line == b"\n" and (kind or number):
                yield Event(kind or "position", number, json.loads(data or "{}"))
                kind, number, data = "", "", ""
