"""Several tables are read as one, slot by slot; the first table wins."""

from collections.abc import Callable, Iterator

import pytest
from support.archive import Archive, lines, record
from support.servers import aws_client, create_table

from handler.stores.items import item_from_record

BTC = ["--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-01T00:10"]
OTHER_REGION = "eu-west-1"

Capture = pytest.CaptureFixture[str]


def fill(archive: Archive, obi: float, *minutes: int) -> None:
    """Put records of these minutes, with this imbalance."""
    archive.fill([item_from_record(record(minute, obi=obi), 60) for minute in minutes])


def in_other_region(archive: Archive) -> str:
    return f"{archive.name}@{OTHER_REGION}"


@pytest.fixture
def tables(new_archive: Callable[[], Archive], moto_url: str) -> Iterator[tuple[Archive, Archive]]:
    """Two tables of the same series, the second in another region, which both have minutes 2 and 3."""
    first = new_archive()
    with aws_client("dynamodb", moto_url, region=OTHER_REGION) as client:
        second = Archive(create_table(client), client, first.environment)
        fill(first, 0.25, 1, 2, 3, 8)
        fill(second, 0.5, 0, 2, 3, 5)
        yield first, second


def test_each_slot_is_read_from_the_first_table_that_holds_it(tables: tuple[Archive, Archive], capfd: Capture) -> None:
    first, second = tables
    assert first.run_here("history", *BTC, "--table", first.name, in_other_region(second)) == 0
    expected = [record(minute, obi=0.25 if minute in (1, 2, 3, 8) else 0.5) for minute in (0, 1, 2, 3, 5, 8)]
    assert capfd.readouterr() == (lines(expected), "")


def test_gaps_are_those_of_the_union(tables: tuple[Archive, Archive], capfd: Capture) -> None:
    first, second = tables
    assert (
        first.run_here(
            "history", *BTC, "--gaps", "--format", "csv", "--table", f"{first.name},{in_other_region(second)}"
        )
        == 3
    )
    rows = [line.split(",") for line in capfd.readouterr().out.splitlines()]
    assert [row[1][14:16] for row in rows[1:-1]] == ["04", "06", "09"]
    assert rows[-1][3:] == ["4", "10", "0.6"]


def test_an_empty_range_names_the_tables_and_what_they_hold_together(
    tables: tuple[Archive, Archive], capfd: Capture
) -> None:
    first, second = tables
    assert first.run_here("history", "--symbol", "BTC", "--table", first.name, in_other_region(second)) == 0
    err = capfd.readouterr().err
    assert f"table {first.name} and table {in_other_region(second)}" in err
    assert "from 2024-01-01T00:00:00Z to 2024-01-01T00:08:00Z" in err


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        ("missing@eu-west-1", 1, ["table missing@eu-west-1", "ResourceNotFoundException"]),
        ("obi@Frankfurt", 2, ["obi@Frankfurt", "NAME@REGION"]),
        ("@eu-west-1", 2, ["@eu-west-1", "NAME@REGION"]),
    ],
)
def test_an_unknown_table_or_region_is_one_sentence(
    archive: Archive, capfd: Capture, table: str, code: int, words: list[str]
) -> None:
    assert archive.run_here("history", *BTC, "--table", archive.name, table) == code
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [word for word in words if word not in err] == []


def test_load_takes_one_table_and_files_behind_it(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("load") / "records"
    path.write_text(lines([record()]))
    assert archive.run_here("load", "--table", archive.name, str(path)) == 0
    assert archive.records() == [record()]
    assert archive.run_here("load", "--table", f"{archive.name},other", str(path)) == 2
