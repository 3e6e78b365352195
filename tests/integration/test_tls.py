"""Hosts must prove who they are, to the CA bundle of the environment or else to certifi's; also through a proxy."""

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.fakes import FakeClock, StartExchange, spot_client

from handler.book import Snapshot
from handler.errors import BookUnavailable
from infra.fake_exchange import FakeExchange

NOT_TRUSTED = "certificate verify failed"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file that serves as a CA bundle too."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(names, critical=True).add_extension(
        x509.BasicConstraints(True, None), critical=True
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(key_pem + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def exchange(start_exchange: StartExchange, certificate: Path) -> FakeExchange:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return start_exchange(ssl_context=context)


def fetch(url: str, clock: FakeClock) -> Snapshot:
    return spot_client(url, clock=clock, random=lambda: 0.0).depth("BTCUSDT", 5, clock.monotonic() + 1.0)


def test_a_host_that_no_known_authority_vouches_for_gets_no_request(exchange: FakeExchange, clock: FakeClock) -> None:
    with pytest.raises(BookUnavailable, match=NOT_TRUSTED):
        fetch(exchange.url, clock)
    assert exchange.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_ca_bundle_of_the_environment_is_trusted(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, certificate: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    assert fetch(exchange.url, clock).book.last_update_id == 1


def test_the_ca_bundle_of_the_environment_is_trusted_however_https_is_spelled(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert fetch(exchange.url.replace("https", "HTTPS"), clock).book.last_update_id == 1


def test_a_ca_bundle_that_cannot_be_read_is_not_replaced_by_another(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.parent / "nothing.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(BookUnavailable):
        fetch(exchange.url, clock)
    assert exchange.requests == []


class Tunnel(StreamRequestHandler):
    """A proxy that connects to whatever port it is asked for, on this machine."""

    asked: list[str] = []  # noqa: RUF012 - a new one for each test

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
        self.asked.append(head.split("\r\n")[0])
        with socket.create_connection(("127.0.0.1", int(head.split()[1].rpartition(":")[2]))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = Thread(target=_pump, args=(there, self.connection), daemon=True)
            back.start()
            _pump(self.connection, there)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side is gone, and the test says whether it should be


@pytest.fixture
def tunnel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy for https in the environment; what it was asked for."""
    monkeypatch.setattr(Tunnel, "asked", [])
    with ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        server.daemon_threads, server.block_on_close = True, False
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_address[1]}")
        yield Tunnel.asked
        server.shutdown()


def test_the_ca_bundle_of_the_environment_is_trusted_through_its_proxy(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, certificate: Path, tunnel: list[str]
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert fetch(exchange.url, clock).book.last_update_id == 1
    assert [request.rpartition(" ")[0] for request in tunnel] == [f"CONNECT 127.0.0.1:{exchange.port}"]


def test_a_proxy_cannot_pass_off_another_host(exchange: FakeExchange, clock: FakeClock, tunnel: list[str]) -> None:
    with pytest.raises(BookUnavailable, match=NOT_TRUSTED):
        fetch(exchange.url, clock)
    assert tunnel
    assert exchange.requests == []
