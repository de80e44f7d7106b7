"""Servers on loopback addresses that misbehave byte by byte, certificates of a private authority, and names of ours."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[socket.socket, str], None]
PUBLIC = "127.0.0.2"  # stands for a public address; its policy is told so
PRIVATE = "127.0.0.1"


class Raw:
    """A listening socket whose script gets each connection, and what was asked on it."""

    def __init__(self, script: Script, host: str = PRIVATE, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server((host, port))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self.connected = threading.Event()
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Its address, with a slash at its end."""
        return f"http{'s' if self._tls else ''}://{self.host}:{self.port}/"

    @property
    def connections(self) -> int:
        """How often somebody connected."""
        return len(self._connections)

    def __enter__(self) -> "Raw":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # Once shut down, accept and every read and write of a script end with an error.
        for sock in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()
        for sock in [self._listener, *self._connections]:
            sock.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection.dup())
                self.connected.set()
                self._start(partial(self._serve, connection))

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            sock = opened.enter_context(plain)
            if self._tls is not None:
                sock = opened.enter_context(self._tls.wrap_socket(plain, server_side=True))
            request = b""
            while b"\r\n\r\n" not in request:
                piece = sock.recv(4096)
                if not piece:
                    return
                request += piece
            self.requests.append(request.decode("latin-1"))
            self._script(sock, request.decode("latin-1"))
            sock.shutdown(socket.SHUT_WR)


def says(text: bytes) -> Script:
    """These bytes, and the end."""
    return lambda sock, _: sock.sendall(text)


def http(body: bytes = b"", head: str = "", status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole answer; `head` holds further header lines without their ends."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *head.splitlines(), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirects_to(location: str, status: str = "302 Found") -> Script:
    """Sends elsewhere."""
    return says(http(b"moved", f"Location: {location}", status))


def repeats(head: bytes, piece: bytes, pause: float = 0) -> Script:
    """Sends `head`, then `piece` again and again until the client has gone."""

    def script(sock: socket.socket, _: str) -> None:
        sock.sendall(head)
        sock.settimeout(pause or None)
        while True:
            with contextlib.suppress(TimeoutError):
                if pause and not sock.recv(1):
                    return
            sock.sendall(piece)

    return script


def silent(sock: socket.socket, _: str) -> None:
    """Says nothing until the client has gone."""
    sock.recv(1)


def in_turn(*scripts: Script) -> Script:
    """Each connection gets the next script, the last one from then on."""
    left = list(scripts)

    def script(sock: socket.socket, request: str) -> None:
        following = left.pop(0) if len(left) > 1 else left[0]
        following(sock, request)

    return script


@contextmanager
def never_accepting() -> Iterator[int]:
    """A port whose queue is full: connecting takes for ever."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind((PRIVATE, 0))
        listener.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def until_connecting(port: int) -> None:
    """Wait until somebody else's connection to a port of `never_accepting` is under way."""
    wanted = f":{port:04X}"
    while True:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if sum(row[2].endswith(wanted) and row[3] == "02" for row in rows) > 1:
            return


class Names:
    """A resolver for tests: each look-up of a name takes its next answer, the last one from then on."""

    def __init__(self, **answers: list[tuple[str, ...]]) -> None:
        self._answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str) -> tuple[str, ...]:
        """The addresses of a name; only numbers and localhost are looked up for real."""
        self.asked.append(host)
        given = self._answers.get(host)
        if given:
            return given.pop(0) if len(given) > 1 else given[0]
        flags = 0 if host.rstrip(".").endswith("localhost") else socket.AI_NUMERICHOST
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
        return tuple(str(entry[4][0]) for entry in found)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._certificate = self._signed(self._name, self._key, [], authority=True)

    def trusting(self) -> ssl.SSLContext:
        """A client that believes this authority alone."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving_itself(self) -> ssl.SSLContext:
        """A server with this authority's own certificate, which is signed by itself."""
        path = self._folder / "itself.pem"
        kind, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        pem = self._key.private_bytes(serialization.Encoding.PEM, kind, none)
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM) + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def serving(
        self, name: str, heard: list[str | None] | None = None, hours: tuple[int, int] = (-1, 1)
    ) -> ssl.SSLContext:
        """A server that proves to be `name`; `heard` gets the name that each client asked for in its handshake.

        `hours` from now on are when the certificate holds.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        certificate = self._signed(subject, key, [alternative], authority=False, hours=hours)
        path = self._folder / f"{name}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)

        def hear(_: ssl.SSLObject, asked: str | None, __: ssl.SSLContext) -> None:
            if heard is not None:
                heard.append(asked)

        context.sni_callback = hear
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        *,
        authority: bool,
        hours: tuple[int, int] = (-1, 1),
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        begin, end = (now + datetime.timedelta(hours=count) for count in hours)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())
