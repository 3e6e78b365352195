"""Sweep over TLS: what verifying hosts costs, with connections still to be made."""

import datetime
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from certifi import contents
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.bench.environments import OURS
from infra.bench.figures import figure, ratio, table
from infra.bench.part import US, Bench, Peer, Section, Target
from infra.bench.processes import Worker, check_equal
from infra.bench.servers import exchange
from infra.bench.sweep import LEVELS, SYMBOLS

ROUNDS = 9
PLAIN = Peer("one `requests.Session`, 16 threads", OURS, "plain_session")


def run(bench: Bench) -> Section:
    """Both contenders in turn, each time with new connections."""
    python = bench.environments.python(OURS)
    with (
        TemporaryDirectory() as folder,
        _authority(Path(folder)) as (certificate, bundle),
        exchange("--certfile", certificate, "--keyfile", certificate, "--symbols", *SYMBOLS) as url,
        Worker(python, US.file, url, REQUESTS_CA_BUNDLE=bundle) as ours,
        Worker(python, PLAIN.file, url, REQUESTS_CA_BUNDLE=bundle) as plain,
    ):
        turns = []
        for number in range(-1, bench.rounds(ROUNDS)):
            bench.tell(f"TLS: round {number + 1}")
            mine = ours.obey(symbols=SYMBOLS, levels=LEVELS, fresh=True)
            other = plain.obey(symbols=SYMBOLS, levels=LEVELS, store=False)
            check_equal({US.label: mine, PLAIN.label: other})
            turns += [(mine.cost, other.cost)] if number >= 0 else []
    base = [other for _, other in turns]
    rows = {}
    for name, costs in ((US.label, [mine for mine, _ in turns]), (PLAIN.label, base)):
        cpu = ratio([cost.cpu for cost in costs], [cost.cpu for cost in base])
        wall = ratio([cost.wall for cost in costs], [cost.wall for cost in base])
        rows[name] = [cpu, wall, f"{figure([cost.cpu * 1000 for cost in costs]).median:.0f}"]
    text = (
        f"{len(SYMBOLS)} pairs once, {LEVELS} levels, printed, connections included. The CA bundle is certifi's with a"
        " private authority of this run behind it, as companies have it; the exchange proves itself with the latter."
    )
    cpu_ratio = ratio([mine.cpu for mine, _ in turns], [cost.cpu for cost in base]).median
    return Section(
        "Sweep over TLS",
        f"{text}\n\n{table(['ratio to the plain session', 'CPU', 'wall', 'CPU, ms'], rows)}",
        [Target("sweep over TLS, CPU × a plain shared Session in 16 threads", cpu_ratio, 0.6)],
    )


@contextmanager
def _authority(folder: Path) -> Iterator[tuple[str, str]]:
    """A private CA that vouches for 127.0.0.1. Yields certificate and key in one file, and a bundle that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(names, critical=True)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own, bundle = folder / "own.pem", folder / "bundle.pem"
    own.write_bytes(private + certificate)
    bundle.write_text(contents() + certificate.decode())
    yield str(own), str(bundle)
