"""A data sheet of stored records, as Markdown: what is there, how good it is, and what it can be used for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..book import RUNGS_BPS
from .columns import quoted
from .source import Records
from .views import create_gaps

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
)  # the least autocorrelation at one interval, and what it means
DASH = "–"

# what the tables need of each record, so that the source is read once
_SHEET = f"""
    CREATE OR REPLACE TEMP TABLE sheet AS SELECT pair, epoch_us(slot) // 1000000 AS start, slot_seconds,
        obi, obi_{DISTANCE_BPS}bps AS obi_within, levels, "limit", least(bid_levels, ask_levels) AS came,
        best_bid >= best_ask AS is_crossed, (bid_levels > 0 OR ask_levels > 0) AND mid IS NULL AS is_one_sided,
        last_update_id, lag(last_update_id) OVER (PARTITION BY pair ORDER BY slot) AS before, cache_age_seconds, host,
        latency_ms, epoch_ms(coalesce(received_at, timestamp)) - epoch_ms(slot) AS lag_ms,
        epoch_ms(received_at) - epoch_ms(exchange_time) AS clock_ms,
        least(len(notional_bid_within), len(notional_ask_within)) AS rungs
    FROM records"""


def _percent(share: str) -> str:
    """Return SQL for a share as text: 100 % only if nothing is missing, 0 % only if there is nothing."""
    return f"if({share} IS NULL, NULL, printf('%g %%', greatest(floor({share} * 1000) / 10, if({share} > 0, 0.1, 0))))"


def _quantiles(column: str, *shares: float) -> str:
    each = [f"coalesce(printf('%.0f', quantile_cont({column}, {share})), '{DASH}')" for share in shares]
    return " || ' / ' || ".join(each)


_COVERAGE = f"""
    SELECT pair, if(slots > 0, strftime(since, '%Y-%m-%dT%H:%M:%SZ'), NULL) AS "from",
        if(slots > 0, strftime(until, '%Y-%m-%dT%H:%M:%SZ'), NULL) AS "to", coalesce(records, 0) AS records, slots,
        {_percent("share")} AS share, coalesce(gaps, 0) AS gaps, longest,
        if(slots = 0, 'no record', nullif(array_to_string([reason.name || ' ' || reason.n FOR reason IN
            list_reverse_sort([{{n: entry.value::BIGINT, name: entry.key}} FOR entry IN map_entries(reasons)])
            || if(unknown > 0, [{{n: unknown, name: 'unknown'}}], [])], ', '), '')) AS why
    FROM (SELECT *, missing - coalesce(list_sum(map_values(reasons)), 0)::BIGINT AS unknown FROM gaps
          WHERE slots IS NOT NULL)
    LEFT JOIN (SELECT pair, count(*) AS gaps, max(until - since)::VARCHAR AS longest FROM gaps WHERE slots IS NULL
               GROUP BY pair) USING (pair)
    LEFT JOIN (SELECT pair, count(*) AS records FROM sheet GROUP BY pair) USING (pair)"""
_RUNGS = [
    f'{_percent(f"(count(*) FILTER (rungs >= {number}) / nullif(count(came), 0))")} AS "{bps}"'
    for number, bps in enumerate(RUNGS_BPS, 1)
]
_DEPTH = f"""
    SELECT pair, count(came) AS "full records", printf('%.0f', median("limit")) AS "limit",
        printf('%.0f', median(came)) AS came, {", ".join(_RUNGS)} FROM sheet GROUP BY pair"""
_QUALITY = """
    SELECT pair, count(*) FILTER (is_crossed) AS crossed, count(*) FILTER (is_one_sided) AS "one-sided",
        count(*) FILTER (last_update_id = before) AS frozen, count(*) FILTER (last_update_id < before) AS "went back",
        concat(count(cache_age_seconds), ' (up to ' || max(cache_age_seconds) || ' s)') AS cached,
        string_agg(DISTINCT host, ', ' ORDER BY host) AS host FROM sheet GROUP BY pair"""
_TIMING = f"""
    SELECT pair, {_quantiles("latency_ms", 0.5, 0.95, 0.99, 1)} AS "latency 50 / 95 / 99 / 100 %",
        {_quantiles("lag_ms", 0.5, 0.95, 1)} AS "lag in slot 50 / 95 / 100 %",
        {_quantiles("clock_ms", 0.05, 0.5, 0.95)} AS "clock 5 / 50 / 95 %",
        CASE WHEN median(clock_ms) < 0 THEN printf('behind by %.0f ms or more', -median(clock_ms))
             WHEN median(clock_ms) > median(latency_ms) + 1000
             THEN printf('ahead by up to %.0f ms, or stale books', median(clock_ms))
             WHEN count(clock_ms) > 0 THEN 'good' END AS "clock says" FROM sheet GROUP BY pair"""
_LAGGED = [f"printf('%.2f', max(r) FILTER (lags = {lag})) AS {quoted(str(lag))}" for lag in LAGS]
_VERDICTS = [f"WHEN max(r) FILTER (lags = 1) >= {least} THEN '{text}'" for least, text in VERDICTS]
_AUTOCORRELATION = f"""
    WITH points AS (
        SELECT pair, start, slot_seconds, unnest([levels || ' levels', '{DISTANCE_BPS} bps']) AS depth,
            unnest([obi, obi_within]) AS value FROM sheet),
    found AS (
        SELECT a.pair, a.depth, lags, corr(a.value, b.value) AS r
        FROM (SELECT *, unnest({list(LAGS)}) AS lags FROM points) AS a
        JOIN points AS b ON a.pair = b.pair AND a.depth = b.depth AND b.start = a.start + lags * a.slot_seconds
        GROUP BY ALL HAVING isfinite(r))
    SELECT pair, depth AS "imbalance over",
        {", ".join(_LAGGED)}, CASE {" ".join(_VERDICTS)} END AS so
    FROM found GROUP BY pair, depth HAVING count(*) FILTER (lags = 1) > 0"""
TABLES = (
    ("Coverage", _COVERAGE, ""),
    (
        "Depth",
        _DEPTH,
        "The median of what came on the shorter side, and the share of full records measured within N basis points.",
    ),
    ("Books to mistrust", _QUALITY, "Frozen: the same `last_update_id` as in the sample before."),
    ("Timing", _TIMING, "In ms. Clock: arrival by this machine's clock less the matching engine's time; futures only."),
    ("Autocorrelation", _AUTOCORRELATION, "Of the imbalance, at 1, 5 and 60 intervals."),
)


class Sheet(NamedTuple):
    """The data sheet as Markdown, and the share of its slots that each pair has, the lowest first."""

    text: str
    shares: Mapping[str, float]


def data_sheet(records: Records, title: str) -> Sheet:
    """Describe records, which have COLUMNS. Raises SourceError."""
    create_gaps(records)
    records.engine.run(_SHEET)
    lines = [f"# {title}"]
    for heading, sql, note in TABLES:
        names = list(records.engine.columns(sql))
        if rows := records.engine.rows(f"SELECT * FROM ({sql}) ORDER BY {records.order}, 2"):
            lines += ["", f"## {heading}", "", *([note, ""] if note else []), *_table([names, *rows])]
    shares = "SELECT pair, coalesce(share, 0) FROM gaps WHERE slots IS NOT NULL ORDER BY 2, pair"
    return Sheet("\n".join(lines), dict(records.engine.rows(shares)))


def _table(rows: Sequence[Sequence[Any]]) -> Iterable[str]:
    texts = [[DASH if cell is None else str(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for number, row in enumerate(texts):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
