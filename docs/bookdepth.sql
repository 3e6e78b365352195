-- Binance's public bookDepth files of USD-M futures → the table `book_depth`, with the columns of `records`; for DuckDB.
-- bookdepth/*-bookDepth-*.csv and klines/*-1m-*.csv are the unzipped files of the same symbols and days.
SET TimeZone = 'UTC';

CREATE OR REPLACE TABLE minute AS
SELECT regexp_extract(filename, '([^/\\]+)-1m-[^/\\]+$', 1) AS symbol,
    make_timestamptz(if(open_time > 100000000000000, open_time, open_time * 1000)) AS minute, low, high
FROM (SELECT filename, TRY_CAST(open_time AS BIGINT) AS open_time, TRY_CAST(low AS DOUBLE) AS low,
        TRY_CAST(high AS DOUBLE) AS high
    FROM read_csv('klines/*-1m-*.csv', header = false, filename = true, all_varchar = true, names = ['open_time', 'open',
        'high', 'low', 'close', 'volume', 'close_time', 'quote_volume', 'count', 'taker_volume', 'taker_quote_volume', 'x']))
WHERE open_time IS NOT NULL; -- some files have a line of names, others have none

CREATE OR REPLACE TABLE bands AS
SELECT regexp_extract(filename, '([^/\\]+)-bookDepth-[^/\\]+$', 1) AS symbol, timestamp AT TIME ZONE 'UTC' AS moment,
    if(percentage < 0, 'bid', 'ask') AS side, round(abs(percentage) * 100)::INTEGER AS bps, depth AS quantity, notional
FROM read_csv('bookdepth/*-bookDepth-*.csv', header = true, filename = true,
    columns = {'timestamp': 'TIMESTAMP', 'percentage': 'DOUBLE', 'depth': 'DOUBLE', 'notional': 'DOUBLE'});

-- Frozen: the same to the last digit for 20 snapshots (10 minutes) or more; the first of them was still right.
CREATE OR REPLACE TABLE frozen AS
SELECT * EXCLUDE (is_new, run), NOT is_new AND count(*) OVER (PARTITION BY symbol, side, bps, run) >= 20 AS is_frozen
FROM (SELECT *, sum(is_new::INTEGER) OVER (PARTITION BY symbol, side, bps ORDER BY moment) AS run
    FROM (SELECT *, coalesce((quantity, notional) IS DISTINCT FROM lag((quantity, notional)) OVER (
            PARTITION BY symbol, side, bps ORDER BY moment), true) AS is_new FROM bands));

-- Off: the average price of a band lies outside of it, for any mid between the low and high of this minute and the last.
CREATE OR REPLACE TABLE audited AS
WITH priced AS (
    SELECT frozen.*, notional / nullif(quantity, 0) AS average, least(now.low, before.low) * 0.9995 AS low,
        greatest(now.high, before.high) * 1.0005 AS high
    FROM frozen LEFT JOIN minute AS now ON now.symbol = frozen.symbol AND now.minute = date_trunc('minute', moment)
    LEFT JOIN minute AS before ON before.symbol = frozen.symbol
        AND before.minute = date_trunc('minute', moment) - INTERVAL 1 MINUTE),
checked AS (
    SELECT *, low IS NULL OR coalesce(CASE side WHEN 'bid' THEN average NOT BETWEEN low * (1 - bps / 10000) AND high
        ELSE average NOT BETWEEN low AND high * (1 + bps / 10000) END, false) AS is_off FROM priced)
-- A band that moves and is off means that the whole book was stale; one that is frozen says nothing of the others.
SELECT symbol, moment, side, bps, quantity, notional,
    is_frozen OR bool_or(is_off AND NOT is_frozen) OVER (PARTITION BY symbol, moment) AS is_stale
FROM checked;

CREATE OR REPLACE TABLE book_depth AS
PIVOT (
    UNPIVOT (
        SELECT 'usdm:' || symbol AS pair, date_trunc('minute', moment) AS slot, bps,
            round((max(notional) FILTER (side = 'bid') - max(notional) FILTER (side = 'ask'))
                / nullif(sum(notional), 0), 8) AS obi,
            max(notional) FILTER (side = 'bid') AS notional_bid, max(notional) FILTER (side = 'ask') AS notional_ask,
            max(quantity) FILTER (side = 'bid') AS quantity_bid, max(quantity) FILTER (side = 'ask') AS quantity_ask
        FROM (SELECT * FROM audited WHERE NOT is_stale
            QUALIFY moment = min(moment) OVER (PARTITION BY symbol, date_trunc('minute', moment))) -- one for each slot
        GROUP BY ALL)
    ON obi, notional_bid, notional_ask, quantity_bid, quantity_ask INTO NAME amount VALUE value)
ON amount || '_' || bps || 'bps' USING any_value(value) GROUP BY pair, slot;
