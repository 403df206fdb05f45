"""Hostile requests by hand, each with the status that it must get.

``@TOKEN@`` stands for a valid token. A case is a name, the bytes, and the status.
"""

from typing import Final

Case = tuple[str, bytes, int]

HOST: Final = b"Host: 127.0.0.1\r\n"
BEARER: Final = b"Authorization: Bearer @TOKEN@\r\n"
JSON: Final = b"Content-Type: application/json\r\n"


def ask(line: bytes, *headers: bytes, host: bytes = HOST) -> bytes:
    """Return a request without a body, by a caller without a token."""
    return line + b" HTTP/1.1\r\n" + host + b"".join(headers) + b"\r\n"


def get(path: bytes, *headers: bytes) -> bytes:
    """Return a GET by a valid token."""
    return ask(b"GET " + path, BEARER, *headers)


def post(body: bytes, *headers: bytes, kind: bytes = JSON) -> bytes:
    """Return a POST of a body to the servers, by a valid token."""
    length = b"Content-Length: %d\r\n" % len(body)
    return ask(b"POST /api/servers", BEARER, kind, length, *headers) + body


def bear(credentials: bytes) -> bytes:
    """Return a GET with other credentials."""
    return ask(b"GET /api/servers", b"Authorization: " + credentials + b"\r\n")


def chunked(*lines: bytes) -> bytes:
    """Return a POST in chunks, as its lines say."""
    head = ask(b"POST /api/servers", BEARER, b"Transfer-Encoding: chunked\r\n")
    return head + b"".join(lines)


LINES: Final[list[Case]] = [
    ("nonsense", b"nonsense\r\n\r\n", 400),
    ("no version", b"GET /\r\n\r\n", 400),
    ("a wrong version", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    ("a version of words", b"GET / HTTP/one\r\n" + HOST + b"\r\n", 400),
    ("a method of symbols", ask(b"G@T /"), 400),
    ("a long method", ask(b"A" * 300 + b" /healthz"), 400),
    ("a method in small letters", ask(b"get /healthz"), 400),
    ("an unknown method", ask(b"BREW /healthz"), 405),
    ("TRACE", ask(b"TRACE /api/servers", BEARER), 405),
    ("CONNECT", ask(b"CONNECT 127.0.0.1:22"), 404),
    ("OPTIONS of nothing", ask(b"OPTIONS *"), 404),
    ("bytes", bytes(range(128, 256)) + b"\r\n\r\n", 400),
    ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("a NUL in the line", ask(b"GET /\0"), 400),
    ("two spaces", b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("ends of LF alone", b"GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    ("a long line", ask(b"GET /" + b"a" * 9000), 414),
    ("a long query", get(b"/api/servers?search=" + b"a" * 9000), 414),
]
HEADERS: Final[list[Case]] = [
    ("a long header", ask(b"GET /", b"A: " + b"a" * 90000 + b"\r\n"), 431),
    ("many headers", ask(b"GET /", b"A: b\r\n" * 500), 431),
    ("a header without a colon", ask(b"GET /", b"nonsense\r\n"), 400),
    ("a header with a space", ask(b"GET /", b"A b: c\r\n"), 400),
    ("a header without a name", ask(b"GET /", b": c\r\n"), 400),
    ("a space before the colon", ask(b"GET /", b"A : c\r\n"), 400),
    ("a folded header", ask(b"GET /", b"A: b\r\n c\r\n"), 400),
    ("a NUL in a header", ask(b"GET /", b"A: b\0c\r\n"), 400),
    ("a CR in a header", ask(b"GET /", b"A: b\rB: c\r\n"), 400),
    ("an unknown host", ask(b"GET /api/servers", host=b"Host: evil\r\n"), 400),
    ("a host with a path", ask(b"GET /api/me", host=b"Host: 127.0.0.1/x\r\n"), 400),
    ("a host of bytes", ask(b"GET /api/me", host=b"Host: \xff\xfe\r\n"), 400),
    ("no host", ask(b"GET /api/servers", host=b""), 401),
    ("another forwarded host", get(b"/api/me", b"X-Forwarded-Host: evil\r\n"), 200),
    ("a forwarded scheme", get(b"/api/me", b"X-Forwarded-Proto: https\r\n"), 200),
    ("another method in a header",
     get(b"/api/me", b"X-HTTP-Method-Override: DELETE\r\n"), 200),
    ("an Accept of XML", get(b"/api/servers", b"Accept: application/xml\r\n"), 200),
    ("an Accept of nothing", get(b"/api/servers", b"Accept: ;;;\r\n"), 200),
    ("a Range", get(b"/api/me", b"Range: bytes=0-1\r\n"), 200),
    ("an ETag of nonsense", get(b"/api/servers", b"If-None-Match: \"\\\r\n"), 200),
    ("an unknown Expect", post(b"{}", b"Expect: magic\r\n"), 417),
    ("an Idempotency-Key of bytes", post(b"{}", b"Idempotency-Key: \xff\r\n"), 400),
    ("a request id that forges a line",
     get(b"/api/me", b"X-Request-ID: a%0Ab\r\n"), 200),
]  # fmt: skip
LENGTHS: Final[list[Case]] = [
    ("two lengths", ask(b"POST /api/servers", b"Content-Length: 1\r\n",
                        b"Content-Length: 2\r\n") + b"ab", 400),
    ("a negative length", ask(b"POST /", b"Content-Length: -1\r\n"), 400),
    ("a length with a plus", ask(b"POST /", b"Content-Length: +1\r\n") + b"a", 400),
    ("a length of letters", ask(b"POST /", b"Content-Length: 0x1\r\n") + b"a", 400),
    ("a length and chunks", ask(b"POST /", b"Content-Length: 3\r\n",
                                b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 400),
    ("an unknown coding", ask(b"POST /", b"Transfer-Encoding: magic\r\n"), 501),
    ("chunks twice", ask(b"POST /", b"Transfer-Encoding: chunked, chunked\r\n"), 400),
    ("chunks in HTTP/1.0", b"POST /api/servers HTTP/1.0\r\n" + HOST
     + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("a chunk that is none", chunked(b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk of a negative size", chunked(b"-1\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunks that are too much",
     chunked(b"%x\r\n" % 300_000, b" " * 300_000, b"\r\n0\r\n\r\n"), 413),
    ("a body of 300 kB", post(b" " * 300_000), 413),
    ("a body of 10 GB that never comes",
     ask(b"POST /api/servers", BEARER, JSON, b"Content-Length: 10000000000\r\n"), 413),
    ("the same without a token",
     ask(b"POST /api/servers", JSON, b"Content-Length: 10000000000\r\n"), 401),
    ("a body that ends too early",
     ask(b"POST /api/servers", BEARER, JSON, b"Content-Length: 90\r\n") + b"{}", 400),
    ("a body that does not begin",
     ask(b"POST /api/servers", BEARER, JSON, b"Content-Length: 90\r\n"), 400),
    ("an empty body", post(b""), 200),
]  # fmt: skip
DEEP: Final = b'{"labels":' + b'{"a":' * 30 + b"1" + b"}" * 31
BODIES: Final[list[Case]] = [
    ("no JSON", post(b"{"), 400),
    ("JSON and more", post(b"{} {}"), 400),
    ("no UTF-8", post(b'{"name": "\xff"}'), 400),
    ("UTF-16", post('{"count": 2}'.encode("utf-16")), 400),
    ("a mark of the byte order", post(b'\xef\xbb\xbf{"count": 2}'), 400),
    ("half a surrogate", post(b'{"name": "\\ud800"}'), 400),
    ("a NUL in a text", post(b'{"name": "a\\u0000b"}'), 400),
    ("a NUL in a name", post(b'{"na\\u0000me": "a"}'), 400),
    ("NaN", post(b'{"capacity": NaN}'), 400),
    ("a number beyond all", post(b'{"capacity": 1e999}'), 400),
    ("a number of a thousand digits", post(b'{"capacity": ' + b"9" * 1000 + b"}"), 400),
    ("a number of 65 bits", post(b'{"capacity": 18446744073709551616}'), 400),
    ("a fraction", post(b'{"capacity": 1.5}'), 400),
    ("a true for a number", post(b'{"count": true}'), 400),
    ("a count of a million", post(b'{"count": 1000000}'), 400),
    ("a null", post(b'{"name": null}'), 400),
    ("a list", post(b"[]"), 400),
    ("a text", post(b'"agent"'), 400),
    ("nesting", post(DEEP), 400),
    ("nesting without end", post(b"[" * 100_000), 400),
    ("a field twice", post(b'{"count": 1, "count": 2}'), 400),
    ("a label twice", post(b'{"labels": {"a": "1", "a": "2"}}'), 400),
    ("a field of Python", post(b'{"__class__": "x"}'), 400),
    ("a label of ours", post(b'{"labels": {"serverfleet-fleet": "x"}}'), 400),
    ("a name with a path", post(b'{"name": "../etc"}'), 400),
    ("a name with a line", post(b'{"name": "a\\nb"}'), 400),
    ("an image that is a shell's", post(b'{"image": "a\\u001b[2J"}'), 400),
    ("XML", post(b"<a/>", kind=b"Content-Type: text/xml\r\n"), 415),
    ("a form", post(b"count=2", kind=b"Content-Type: application/x-www-form-urlencoded"
                    b"\r\n"), 415),
    ("a form of parts", post(b"--a--", kind=b"Content-Type: multipart/form-data; "
                             b"boundary=a\r\n"), 415),
    ("packed", post(b"\x1f\x8b\x08\x00", b"Content-Encoding: gzip\r\n"), 400),
]  # fmt: skip
TOKENS: Final[list[Case]] = [
    ("no token", ask(b"GET /api/servers"), 401),
    ("no token, HEAD", ask(b"HEAD /api/servers"), 401),
    ("no token, OPTIONS", ask(b"OPTIONS /api/servers", b"Origin: http://e\r\n"), 401),
    ("nothing behind Bearer", bear(b"Bearer"), 401),
    ("a password", bear(b"Basic YWRtaW46YWRtaW4="), 401),
    ("a NUL in a token", bear(b"Bearer sf_a\0_b"), 400),
    ("an escaped NUL in a token", bear(b"Bearer sf_a%00_b"), 401),
    ("a token of bytes", bear(b"Bearer sf_\xff_\xfe"), 401),
    ("a token of 8 kB", bear(b"Bearer sf_a_" + b"b" * 8000), 401),
    ("a token of underscores", bear(b"Bearer sf___"), 401),
    ("a token and more", bear(b"Bearer @TOKEN@ x"), 401),
    ("two tokens", bear(b"Bearer @TOKEN@, Bearer @TOKEN@"), 401),
    ("a made-up session", ask(b"GET /api/servers", b"Cookie: sessionid=x\r\n"), 401),
    ("a token in the query", ask(b"GET /api/servers?token=@TOKEN@"), 400),
    ("a token beside a token", get(b"/api/servers?search=@TOKEN@"), 400),
    ("a token in the query, escaped",
     ask(b"GET /api/servers?x=%73%66%5f0123ab%5f0123456789"), 400),
    ("an access token", ask(b"GET /api/servers?a=1&access_token=x"), 400),
]  # fmt: skip
PATHS: Final[list[Case]] = [
    ("an absolute path", ask(b"GET http://127.0.0.1/healthz"), 200),
    ("a path upwards", ask(b"GET /api/../../etc/passwd"), 404),
    ("a path upwards, escaped", ask(b"GET /api/%2e%2e/%2e%2e/etc/passwd"), 404),
    ("a path of bytes", ask(b"GET /api/%ff%fe"), 404),
    ("a broken escape", get(b"/api/servers/%zz"), 404),
    ("a NUL in the path", get(b"/api/servers/%00"), 404),
    ("a NUL behind a name", get(b"/api/templates/default%00"), 404),
    ("a line in the path", get(b"/api/servers/a%0d%0aSet-Cookie:%20a=b"), 404),
    ("a slash at the end", get(b"/api/servers/"), 404),
    ("two slashes", get(b"//api/servers"), 404),
    ("a backslash", get(b"/api\\servers"), 404),
    ("capitals", get(b"/API/servers"), 404),
    ("a name of 3 kB", get(b"/api/servers/" + b"a" * 3000), 404),
    ("a stray of forty digits",
     ask(b"POST /api/leaks/" + b"9" * 40 + b"/adopt", BEARER), 404),
]  # fmt: skip
QUERIES: Final[list[Case]] = [
    ("an unknown filter", get(b"/api/servers?secret=x"), 400),
    ("a lookup of Django's", get(b"/api/servers?name__startswith=a"), 400),
    ("an order by a secret", get(b"/api/servers?ordering=tls_key"), 400),
    ("a limit of all", get(b"/api/servers?limit=99999999999999999999"), 400),
    ("a limit below none", get(b"/api/servers?limit=-1"), 400),
    ("digits of elsewhere", get("/api/servers?limit=٣".encode()), 400),
    ("an offset beyond all", get(b"/api/servers?limit=1&offset=1" + b"0" * 30), 400),
    ("an unknown state", get(b"/api/servers?state=broken"), 400),
    ("a label that is none", get(b"/api/servers?label=%3Dx"), 400),
    ("a time that is none", get(b"/api/servers?created_after=NaN"), 400),
    ("a NUL in a search", get(b"/api/servers?search=%00"), 400),
    ("SQL in a search", get(b"/api/servers?search=%27%20OR%201=1--"), 200),
    ("a cursor that is none", get(b"/api/events?after=x"), 400),
    ("a wait without end", get(b"/api/events?wait=3600"), 400),
    ("a force that is none", ask(b"DELETE /api/servers/x?force=maybe", BEARER), 400),
]
HOSTILE: Final = [*LINES, *HEADERS, *LENGTHS, *BODIES, *TOKENS, *PATHS, *QUERIES]
