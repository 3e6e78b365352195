"""Hosts must prove who they are, to the CA bundle of the environment or else to requests' own; also through a proxy."""

import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.fakes import FakeClock, StartExchange, client, http, serving
from support.fakes import fetch as fetch_book

from handler.book import Snapshot
from handler.errors import BookUnavailable
from handler.exchange.problems import trusted_context
from infra.fake_exchange import FakeExchange

NOT_TRUSTED = "certificate verify failed"
Fetch = Callable[..., Snapshot]
Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for 127.0.0.1 that vouches for itself, with its key, in a file that serves as a CA bundle too."""
    return new_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")


def new_certificate(path: Path) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    addresses = map(ipaddress.ip_address, ("127.0.0.1", "127.0.0.2"))
    names = x509.SubjectAlternativeName(map(x509.IPAddress, addresses))
    builder = builder.add_extension(names, True).add_extension(x509.BasicConstraints(True, None), True)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key_pem + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def exchange(start_exchange: StartExchange, certificate: Path) -> FakeExchange:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return start_exchange(ssl_context=context)


@pytest.fixture
def fetch(exchange: FakeExchange, clock: FakeClock) -> Fetch:
    """Ask the exchange, or a host at another URL, for a book."""

    def get(url: str = exchange.url) -> Snapshot:
        return fetch_book(client(clock, url), clock, slot=4.0)

    return get


@pytest.mark.parametrize(
    ("variable", "hint"),
    [("OTHER", "clock and, .* set REQUESTS_CA_BUNDLE"), ("SSL_CERT_FILE", "SSL_CERT_FILE is not read here")],
)
def test_not_trusted(
    fetch: Fetch, exchange: FakeExchange, monkeypatch: Patch, certificate: Path, variable: str, hint: str
) -> None:
    """A host that no known authority vouches for gets no request, and the message names the variable that works."""
    monkeypatch.setenv(variable, str(certificate))
    with pytest.raises(BookUnavailable, match=f"{NOT_TRUSTED}.*{hint}") as error:
        fetch()
    assert (error.value.reason, exchange.requests) == ("connection", [])


class PlainHandler(BaseRequestHandler):
    """Answers a TLS handshake as servers of plain HTTP do."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(http("400 Bad Request"))


def test_plain_host(fetch: Fetch, monkeypatch: Patch) -> None:
    """A host or a proxy that speaks no TLS is named, with the URL that may be meant."""
    with serving(ThreadingTCPServer(("127.0.0.1", 0), PlainHandler)) as server:
        address = f"127.0.0.1:{server.server_address[1]}"
        for who, url in (("", f"https://{address}"), ("the proxy ", "https://exchange.invalid")):
            with pytest.raises(BookUnavailable, match=rf"{who}{address}: no TLS connection .*http://"):
                fetch(url)
            monkeypatch.setenv("https_proxy", f"https://{address}")


def test_trusted(fetch: Fetch, exchange: FakeExchange, monkeypatch: Patch, certificate: Path) -> None:
    """The CA bundle of the environment is trusted, however https is spelled."""
    monkeypatch.setenv("CURL_CA_BUNDLE", str(certificate))
    assert fetch(exchange.url.replace("https", "HTTPS")).book.last_update_id == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_broken_bundle(
    fetch: Fetch, exchange: FakeExchange, monkeypatch: Patch, tmp_path: Path, content: str | None
) -> None:
    """A bundle that cannot be read is named, and not replaced by another."""
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(BookUnavailable, match=r"bundle\.pem cannot be read: correct REQUESTS"):
        fetch()
    assert exchange.requests == []


def test_bundle(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: Patch, certificate: Path, tmp_path: Path
) -> None:
    """All connections share what was read of the bundle, which costs more than a request, until it is replaced."""
    bundle = new_certificate(tmp_path / "bundle.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    ours = client(clock, exchange.url)
    with pytest.raises(BookUnavailable, match=NOT_TRUSTED):
        ours.depth("BTCUSDT", 5, clock.monotonic() + 1)
    bundle.write_bytes(certificate.read_bytes())
    for limit in (5, 100):
        exchange.script(["503*3"])
        ours.depth("BTCUSDT", limit, clock.monotonic() + 10)
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
    assert len({asked.connection for asked in exchange.requests}) > 4


def test_unwritable_key_log(
    fetch: Fetch, monkeypatch: Patch, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SSLKEYLOGFILE that names nothing writable is named and stops nothing; the host is still verified."""
    trusted_context.cache_clear()
    monkeypatch.setenv("SSLKEYLOGFILE", os.path.join(os.devnull, "keys"))  # noqa: PTH118
    with pytest.raises(BookUnavailable, match=NOT_TRUSTED):
        fetch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert fetch().book.last_update_id == 1
    assert "SSLKEYLOGFILE" in caplog.text


class Tunnel(StreamRequestHandler):
    """A proxy that connects to whatever port it is asked for, on this machine."""

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
        with socket.create_connection(("127.0.0.1", int(head.split()[1].rpartition(":")[2]))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = Thread(target=_pump, args=(there, self.connection), daemon=True)
            back.start()
            _pump(self.connection, there)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # the other side is gone, and the test says whether it should be
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_proxy(fetch: Fetch, exchange: FakeExchange, monkeypatch: Patch, certificate: Path) -> None:
    """The bundle is trusted through a proxy too, and a proxy cannot pass off another host."""
    with serving(ThreadingTCPServer(("127.0.0.1", 0), Tunnel)) as server:
        server.daemon_threads, server.block_on_close = True, False
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_address[1]}")
        url = exchange.url.replace("127.0.0.1", "127.0.0.2")  # which only the proxy takes for the exchange
        with pytest.raises(BookUnavailable, match=NOT_TRUSTED):
            fetch(url)
        assert exchange.requests == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert fetch(url).book.last_update_id == 1
