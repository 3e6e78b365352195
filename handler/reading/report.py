"""A data sheet of stored records, as Markdown: what is there, how good it is, and what it can be used for."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, isfinite
from typing import Any, NamedTuple

from ..book import RUNGS_BPS
from .engine import Engine
from .output import time_text
from .plot_steps import INTERVALS, SECONDS
from .views import Expected, create_gaps

LAGS = (1, 5, 60)  # in intervals
DISTANCE_BPS = 50  # whose imbalance stands beside that of the levels
COLUMNS = (
    *("limit", "bid_levels", "ask_levels", "best_bid", "best_ask", "mid", "last_update_id", "cache_age_seconds"),
    *("host", "latency_ms", "received_at", "exchange_time", "notional_bid_within", "notional_ask_within"),
    f"obi_{DISTANCE_BPS}bps",
)  # of `records`, beside those that every row has
VERDICTS = (
    (0.9, "samples repeat each other: a longer interval would lose little"),
    (0.5, "the interval follows it"),
    (0.2, "much changes between samples: read means, or sample more often"),
    (-1.0, "each sample stands alone: read means over hours, or sample more often"),
)  # from which autocorrelation at one interval on
DASH = "–"

# what the tables need of each record, so that the source is read once
_SHEET = f"""
    CREATE OR REPLACE TEMP TABLE sheet AS SELECT pair, epoch_us(slot) // 1000000 AS start, {SECONDS} AS seconds,
        obi, obi_{DISTANCE_BPS}bps AS obi_within, levels, "limit", least(bid_levels, ask_levels) AS came,
        bid_levels IS NOT NULL AS is_full, best_bid >= best_ask AS is_crossed,
        (bid_levels > 0 OR ask_levels > 0) AND mid IS NULL AS is_one_sided, last_update_id, cache_age_seconds, host,
        latency_ms, epoch_ms(coalesce(received_at, timestamp)) - epoch_ms(slot) AS lag_ms,
        epoch_ms(received_at) - epoch_ms(exchange_time) AS clock_ms,
        least(len(notional_bid_within), len(notional_ask_within)) AS rungs
    FROM records JOIN {INTERVALS} USING (pair)"""
_BOOKS = f"""
    SELECT pair, count(*) AS records, count(*) FILTER (is_full) AS full, median("limit") AS asked, median(came) AS came,
        [{", ".join(f"count(*) FILTER (rungs >= {number})" for number in range(1, len(RUNGS_BPS) + 1))}] AS rungs,
        count(*) FILTER (is_crossed) AS crossed, count(*) FILTER (is_one_sided) AS one_sided,
        count(*) FILTER (last_update_id = before) AS frozen, count(*) FILTER (last_update_id < before) AS went_back,
        count(cache_age_seconds) AS cached, max(cache_age_seconds) AS oldest,
        list_sort(list(DISTINCT host) FILTER (host IS NOT NULL)) AS hosts, any_value(levels) AS levels,
        coalesce(quantile_cont(latency_ms, [0.5, 0.95, 0.99, 1]), [NULL, NULL, NULL, NULL]) AS latency,
        coalesce(quantile_cont(lag_ms, [0.5, 0.95, 1]), [NULL, NULL, NULL]) AS lag,
        coalesce(quantile_cont(clock_ms, [0.05, 0.5, 0.95]), [NULL, NULL, NULL]) AS clock
    FROM (SELECT *, lag(last_update_id) OVER (PARTITION BY pair ORDER BY start) AS before FROM sheet) GROUP BY pair"""
_PERSISTENCE = f"""
    SELECT a.pair, lags, corr(a.obi, b.obi), corr(a.obi_within, b.obi_within)
    FROM (SELECT *, unnest({list(LAGS)}) AS lags FROM sheet) AS a
    JOIN sheet AS b ON a.pair = b.pair AND b.start = a.start + lags * a.seconds GROUP BY ALL"""


class Sheet(NamedTuple):
    """The data sheet as Markdown, and the share of its slots that each pair has, the lowest first."""

    text: str
    shares: Mapping[str, float]


def data_sheet(
    engine: Engine, expected: Expected, title: str, order: str = "pair", absent: Sequence[str] = ()
) -> Sheet:
    """Describe the `records` of an engine, which have COLUMNS; `absent` are pairs without any. Raises SourceError."""
    create_gaps(engine, expected, order, absent)
    engine.run(_SHEET)
    gaps: dict[str, list[dict[str, Any]]] = {}
    for row in _dicts(engine, "SELECT * FROM gaps"):
        gaps.setdefault(row["pair"], []).append(row)
    found = {row["pair"]: row for row in _dicts(engine, _BOOKS)}
    books = {pair: found[pair] for pair in gaps if pair in found}
    correlations = {(pair, lag): found for pair, lag, *found in engine.rows(_PERSISTENCE)}
    shares = {pair: rows[-1]["share"] or 0.0 for pair, rows in gaps.items()}
    tables = [f"# {title}", *_coverage(gaps, books)]
    if books:
        tables += [*_depth(books), *_quality(books), *_timing(books), *_persistence(books, correlations)]
    return Sheet("\n".join(tables), dict(sorted(shares.items(), key=lambda item: item[1])))


def _coverage(gaps: Mapping[str, list[dict[str, Any]]], books: Mapping[str, Any]) -> Iterable[str]:
    rows = []
    for pair, found in gaps.items():
        *each, total = found
        if not total["slots"]:
            rows.append([pair, DASH, DASH, 0, 0, DASH, DASH, DASH, "no record"])
            continue
        longest = max((gap["until"] - gap["since"] for gap in each), default=None)
        unexplained = total["missing"] - sum(total["reasons"].values())
        reasons = sorted(total["reasons"].items(), key=lambda item: -item[1])
        why = [f"{reason} {count}" for reason, count in reasons] + ([f"unknown {unexplained}"] if unexplained else [])
        count = books.get(pair, {}).get("records", 0)
        spans = [time_text(total["since"]), time_text(total["until"]), count, total["slots"], percent(total["share"])]
        rows.append([pair, *spans, len(each), longest or DASH, ", ".join(why) or DASH])
    return _table("Coverage", ("pair", "from", "to", "records", "slots", "share", "gaps", "longest", "why"), rows)


def _depth(books: Mapping[str, Any]) -> Iterable[str]:
    heads = ("pair", "full records", "limit", "came", *(f"{bps}" for bps in RUNGS_BPS))
    rows = [
        [pair, book["full"], number(book["asked"]), number(book["came"])]
        + [percent(count / book["full"]) if book["full"] else DASH for count in book["rungs"]]
        for pair, book in books.items()
    ]
    note = "The median of what came on the shorter side, and the share of full records measured within N basis points."
    return _table("Depth", heads, rows, note)


def _quality(books: Mapping[str, Any]) -> Iterable[str]:
    rows = []
    for pair, book in books.items():
        age = f" (up to {book['oldest']} s)" if book["cached"] else ""
        counts = [book[key] for key in ("crossed", "one_sided", "frozen", "went_back")]
        rows.append([pair, *counts, f"{book['cached']}{age}", ", ".join(book["hosts"] or [DASH])])
    heads = ("pair", "crossed", "one-sided", "frozen", "went back", "cached", "host")
    return _table("Books to mistrust", heads, rows, "Frozen: the same `last_update_id` as in the sample before.")


def _timing(books: Mapping[str, Any]) -> Iterable[str]:
    rows = []
    for pair, book in books.items():
        times = [" / ".join(map(number, book[key])) for key in ("latency", "lag", "clock")]
        rows.append([pair, *times, _clock_verdict(book["clock"][1], book["latency"][1])])
    heads = ("pair", "latency 50 / 95 / 99 / 100 %", "lag in slot 50 / 95 / 100 %", "clock 5 / 50 / 95 %", "clock says")
    note = "In ms. Clock: arrival by this machine's clock less the matching engine's time; futures only."
    return _table("Timing", heads, rows, note)


def _clock_verdict(median: float | None, latency: float | None) -> str:
    if median is None or latency is None:
        return DASH
    if median < 0:
        return f"behind by {-median:.0f} ms or more"
    return f"ahead by up to {median:.0f} ms, or stale books" if median > latency + 1000 else "good"


def _persistence(books: Mapping[str, Any], found: Mapping[tuple[str, int], list[Any]]) -> Iterable[str]:
    rows = []
    for pair, book in books.items():
        for place, depth in enumerate((f"{book['levels']} levels", f"{DISTANCE_BPS} bps")):
            values = [found.get((pair, lag), (None, None))[place] for lag in LAGS]
            known = [value if value is not None and isfinite(value) else None for value in values]
            if known[0] is not None:
                verdict = next(text for least, text in VERDICTS if known[0] >= least)
                rows.append([pair, depth, *(DASH if one is None else f"{one:.2f}" for one in known), verdict])
    heads = ("pair", "imbalance over", *map(str, LAGS), "so")
    return _table("Autocorrelation", heads, rows, "Of the imbalance, at 1, 5 and 60 intervals.")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> Iterable[str]:
    yield from ("", f"## {title}", "", *([note, ""] if note else []))
    texts = [[str(cell).replace("|", "\\|") for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for number, row in enumerate(texts):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def percent(share: float) -> str:
    """A share as text; it is 100 % only if nothing is missing, and 0 % only if nothing is there."""
    return f"{max(floor(share * 1000) / 10, 0.1 if share else 0):g} %"


def number(value: float | None) -> str:
    """A whole number as text; a dash where there is none."""
    return DASH if value is None else f"{value:.0f}"


def _dicts(engine: Engine, sql: str) -> list[dict[str, Any]]:
    names = list(engine.columns(sql))
    return [dict(zip(names, row, strict=True)) for row in engine.rows(sql)]
