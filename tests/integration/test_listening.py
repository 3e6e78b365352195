"""No server of any test can be reached from another machine; those of tests/deploy are looked at there."""

import re
import signal
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from support.archive import Archive
from support.fakes import StartExchange, StartRaw
from support.listening import assert_only_loopback, is_loopback, parse
from support.local_system import in_another_terminal, local
from support.program import PATIENCE_SECONDS
from support.servers import dynalite

from infra.testkit.table_proxy import TableProxy

TCP = """\
   0: 00000000:22B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0"""
TCP6 = """\
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 14 1 0 100 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 15 1 0 100 0
   2: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 16 1 0 100 0"""


def test_the_servers_in_this_process_listen_on_loopback_only(
    start_exchange: StartExchange, start_raw: StartRaw, archive: Archive
) -> None:
    table = archive.environment["AWS_ENDPOINT_URL_DYNAMODB"]
    with TableProxy(table) as before:
        assert_only_loopback(start_exchange().url, start_raw(b"").url, table, before.url)


def test_dynalite_listens_on_loopback_only(tmp_path: Path) -> None:
    with dynalite(tmp_path) as url:
        assert_only_loopback(url)


def test_the_local_system_listens_on_loopback_only(tmp_path: Path) -> None:
    process = local(tmp_path)
    assert process.stdout
    process.stdout.readline()
    urls = re.findall(r"http://[0-9.:]+", in_another_terminal(tmp_path, "env | grep 127.0.0.1:"))
    assert len(urls) == 2
    assert_only_loopback(*urls)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)


@pytest.mark.skipif(sys.byteorder == "big", reason="the sample is of a little-endian machine")
def test_an_open_socket_would_be_seen() -> None:
    found = list(parse([*TCP.splitlines(), *TCP6.splitlines()]))
    addresses = ["0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1"]
    assert [listener.address for listener in found] == [ip_address(address) for address in addresses]
    assert [listener.port for listener in found] == [8883, 8080, 8080, 8080, 8080]
    assert [is_loopback(listener.address) for listener in found] == [False, True, False, True, True]
    assert not is_loopback(ip_address("::ffff:10.0.0.1"))
