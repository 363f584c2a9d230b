"""Which cases of curl's test suite are downloads that `larder get` can be asked for, and how each program is asked.

    request = request_of(case, features)   # a Request, or LeftOut with the reason

A case is left out for the first reason that fits; the reasons are counted. The tables say what becomes of curl's options: those
that change what is told or where it goes are dropped, those with a counterpart are given to both programs in their own form,
some go to curl alone, and each of the others names the reason for which its case is left out.
"""

import dataclasses
import re
import shlex

_SERVERS = {"http", "https", "http-ipv6", "http-proxy"}
_SKIPPED_TOOLS = "a program of libcurl's own tests"

# Options that have an argument, by what they are for. A reason in the place of a treatment leaves the case out.
DROP, CURL_ONLY, BOTH = "drop", "curl only", "both"
_UPLOAD = "sends a body"
_METHOD = "another method than GET"
_COOKIES = "curl's cookie engine"
_CONDITION = "a conditional request"
_CONNECTION = "says where to connect to, or how"
_AUTHENTICATION = "an authentication that larder has no option for"
_FILES = "a rule of curl's for files that are there already"
_MAKES = "curl makes the request of variables, patterns or files"
_REDIRECTS = "a rule of curl's for redirects"
_TUNNEL = "tunnels through a proxy"
_NEXT = "several commands in one"
_PROTOCOLS = "another protocol, or a choice of protocols"
_DROP_FLAGS = """-s --silent -S --show-error -v --verbose -i --include --show-headers --no-include -O --remote-name -J
 --remote-header-name -R --remote-time --xattr --create-dirs -f --fail --fail-with-body --fail-early --remove-on-error -g --globoff
 -4 --ipv4 -6 --ipv6 -# --progress-bar -N --no-buffer --no-remote-name --remote-name-all -L --location --follow --out-null
 --no-progress-meter --no-silent --trace-time --trace-ids --no-ca-native --styled-output --no-styled-output -q --no-fail
 --suppress-connect-headers --no-basic --no-verbose --no-sessionid --no-npn --no-alpn --no-keepalive --tcp-nodelay"""
_DROP_VALUES = """-w --write-out -D --dump-header -o --output --output-dir --stderr --trace --trace-ascii --trace-config --libcurl
 --etag-save --create-file-mode --keepalive-time --limit-rate"""
_CURL_FLAGS = """--compressed --tr-encoding --http0.9 --no-http0.9 -B --use-ascii --digest --anyauth --basic --proxy-digest
 --proxy-anyauth --proxy-basic --retry-all-errors --retry-connrefused --netrc-optional --path-as-is"""
_CURL_VALUES = "--retry-delay --retry-max-time --connect-timeout --tls-max -Y -y"
FLAGS = {**{name: DROP for name in _DROP_FLAGS.split()}, **{name: CURL_ONLY for name in _CURL_FLAGS.split()},
         **{name: _METHOD for name in ("-I", "--head", "-G", "--get", "--post301", "--post302", "--post303")},
         **{name: _AUTHENTICATION for name in ("--negotiate", "--ntlm-wb", "--proxy-negotiate")},
         **{name: "NTLM before it is asked for" for name in ("--ntlm", "--proxy-ntlm")},
         **{name: _FILES for name in ("--no-clobber", "--clobber", "--skip-existing")},
         **{name: _TUNNEL for name in ("-p", "--proxytunnel")},
         **{name: _PROTOCOLS for name in ("--http2", "--http2-prior-knowledge", "--http3", "-M", "-h", "-V", "-2", "-3", "-1")},
         **{name: "accepts any certificate, which larder never does" for name in ("-k", "--insecure")},
         "--location-trusted": "hands credentials to other hosts, which larder never does", "--next": _NEXT, "-:": _NEXT,
         "-j": _COOKIES, "--junk-session-cookies": _COOKIES,
         "--netrc": "the caller's own ~/.netrc", "-n": "the caller's own ~/.netrc",
         "--ignore-content-length": "passes over Content-Length, which larder never does", "--haproxy-protocol": _CONNECTION,
         "--raw": "the chunks themselves, which larder never hands over",
         "-0": BOTH, "--http1.0": BOTH, "--http1.1": BOTH}
VALUES = {**{name: DROP for name in _DROP_VALUES.split()}, **{name: CURL_ONLY for name in _CURL_VALUES.split()},
          **{name: BOTH for name in """-H --header -A --user-agent -e --referer -b --cookie -r --range -C --continue-at -u --user -x
           --proxy -U --proxy-user --max-filesize -m --max-time --retry --netrc-file --cacert --url -E --cert --key""".split()},
          **{name: _UPLOAD for name in """-d --data --data-ascii --data-binary --data-raw --data-urlencode -F --form --form-string -T
           --upload-file --json --expect100-timeout""".split()},
          **{name: _MAKES for name in """-K --config --variable --expand-data --expand-url --expand-output --expand-header
           --url-query --ipfs-gateway --rate""".split()},
          **{name: _CONNECTION for name in """--resolve --connect-to --interface --haproxy-clientip --doh-url --dns-servers
           --alt-svc --hsts --unix-socket --abstract-unix-socket --local-port --dns-interface --dns-ipv4-addr""".split()},
          **{name: _AUTHENTICATION for name in "--aws-sigv4 --oauth2-bearer --proxy-header --service-name --delegation".split()},
          **{name: _CONDITION for name in "-z --time-cond --etag-compare".split()},
          **{name: _PROTOCOLS for name in """--socks4 --socks4a --socks5 --socks5-hostname --preproxy --proto --proto-default
           --proto-redir --ftp-port --krb -t --telnet-option -P -Q --quote --mail-from --mail-rcpt""".split()},
          "-c": _COOKIES, "--cookie-jar": _COOKIES, "-X": _METHOD, "--request": _METHOD, "--request-target": _METHOD,
          "--max-redirs": _REDIRECTS, "--noproxy": "a rule of curl's for proxies", "--proxy1.0": _TUNNEL,
          "--pinnedpubkey": "a pinned key", "--ciphers": "a choice of TLS", "--ssl-sessions": "a choice of TLS"}
_FIELDS = {"-A": "User-Agent", "--user-agent": "User-Agent", "-e": "Referer", "--referer": "Referer", "-b": "Cookie",
           "--cookie": "Cookie"}
_OWN_FIELDS = {"host", "connection", "proxy-connection", "te", "transfer-encoding", "content-length", "accept-encoding"}
_LIMITS = {"--max-filesize": ("--max-size", ""), "-m": ("--max-time", "s"), "--max-time": ("--max-time", "s"), "--cacert":
           ("--ca-file", ""), "--netrc-file": ("--netrc-file", ""), "-r": ("--range", ""), "--range": ("--range", ""),
           "-E": ("--cert", ""), "--cert": ("--cert", ""), "--key": ("--key", "")}


class LeftOut(Exception):
    """The case is no download that can be asked of both programs; the text is the reason."""


@dataclasses.dataclass
class Request:
    urls: list
    curl: list = dataclasses.field(default_factory=list)
    larder: list = dataclasses.field(default_factory=list)
    secrets: dict = dataclasses.field(default_factory=dict)  # option of larder -> the text of the file that it names
    environment: dict = dataclasses.field(default_factory=dict)
    retries: bool = False


def _words(command):
    """(option or None, its argument or None) for each word of a command."""
    try:
        words = shlex.split(command)
    except ValueError:
        raise LeftOut(_MAKES) from None
    if any(word in ("|", "&&", ";") or re.match(r"\d?[<>]", word) for word in words):
        raise LeftOut(_MAKES)
    while words:
        word = words.pop(0)
        if word == "-" or not word.startswith("-"):
            yield None, word
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            yield name, value if equals else words.pop(0) if word in VALUES and words else None
        else:
            letters = word[1:]
            while letters:
                option, letters = "-" + letters[0], letters[1:]
                if option in VALUES:
                    yield option, letters or (words.pop(0) if words else "")
                    letters = ""
                else:
                    yield option, None


def _take(request, option, value):
    """An option that both programs have."""
    request.curl += [option] if value is None else [option, value]
    if option in ("-0", "--http1.0", "--http1.1"):
        request.larder += ["--http", "1.1" if option == "--http1.1" else "1.0"]
    elif option in ("-H", "--header"):
        if value.startswith("@") or not re.match(r"[^:;]+:\s*\S", value):
            raise LeftOut("a header that is taken away, or stands in a file")
        if value.partition(":")[0].lower() in _OWN_FIELDS:
            raise LeftOut("a header that the agent sets itself")
        request.larder += ["--header", value]
    elif option in _FIELDS:
        if _FIELDS[option] == "Cookie" and "=" not in value:
            raise LeftOut(_COOKIES)
        if not value or value.endswith(";auto"):
            raise LeftOut("a header that is taken away, or that curl makes")
        request.larder += ["--header", f"{_FIELDS[option]}: {value}"]
    elif option in ("-C", "--continue-at"):
        if not value.isdigit():
            raise LeftOut(_FILES)
        request.larder += ["--range", f"{value}-"] if int(value) else []
    elif option in ("-u", "--user"):
        request.secrets["--user-file"] = value if ":" in value else value + ":"
    elif option in ("-U", "--proxy-user"):
        request.secrets["--proxy-user-file"] = value if ":" in value else value + ":"
    elif option in ("-x", "--proxy"):
        if not value or not re.match(r"(http://)?[^/]*/?$", value):
            raise LeftOut(_PROTOCOLS if value else "a rule of curl's for proxies")
        request.larder += ["--proxy", value if "://" in value else "http://" + value]
    elif option == "--retry":
        request.retries = True
    else:
        name, unit = _LIMITS[option]
        bare = name == "--range" and value.isdigit()  # curl appends the dash itself, and warns
        request.larder += [name, value + ("-" if bare else unit)]


def _urls(words):
    """Those of a command, as larder takes them: with a scheme, and none that is a pattern."""
    for url in words:
        if url[:1] in ("", "-", "@"):
            raise LeftOut(_MAKES)
        pattern = re.sub(r"//([^/@]*@)?\[[0-9a-fA-F:.%]*\]", "", url)
        if re.search(r"[\[{]", pattern):
            raise LeftOut(_MAKES)
        scheme = re.match(r"([a-z]+)://", url, re.IGNORECASE)
        if scheme and scheme[1].lower() not in ("http", "https"):
            raise LeftOut(_PROTOCOLS)
        yield url if scheme or ":/" in url else "http://" + url


def request_of(case, features):
    servers = {line.split()[0] for line in case.part("client", "server").decode("latin-1").splitlines() if line.strip()}
    if case.has("client", "tool") or "unittest" in case.part("info", "keywords").decode("latin-1"):
        raise LeftOut(_SKIPPED_TOOLS)
    if not servers or not servers <= _SERVERS:
        raise LeftOut("no server, or one of another protocol than HTTP/1")
    if case.attributes("client", "command").get("type"):
        raise LeftOut("a script")
    for feature in case.words("client", "features"):
        if feature == "Debug" or (feature.startswith("!") and feature[1:] in features):
            raise LeftOut("a curl that is built for debugging" if feature == "Debug" else "a feature that curl must not have")
    request, plain = Request([]), []
    for line in case.part("client", "setenv").decode("latin-1").splitlines():
        name, _, value = line.partition("=")
        if name.lower().endswith("_proxy"):
            raise LeftOut("a proxy that the environment names")
        if name and not name.startswith("#"):
            request.environment[name] = value
    for option, value in _words(case.text("client", "command")):
        if option is None:
            plain.append(value)
            continue
        treatment = VALUES.get(option) or FLAGS.get(option) or f"the option {option}"
        if option == "--url":
            plain.append(value)
        elif treatment == CURL_ONLY:
            request.curl += [option] if value is None else [option, value]
        elif treatment == BOTH:
            _take(request, option, value)
        elif treatment != DROP:
            raise LeftOut(treatment)
    request.urls = list(_urls(plain))
    if not request.urls:
        raise LeftOut("no URL")
    if "--proxy" in request.larder and any(url.lower().startswith("https") for url in request.urls):
        raise LeftOut(_TUNNEL)
    return request
