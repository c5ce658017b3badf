-- Holdings and money as in the registry: tonnes per instrument, cash per bank.
-- Half of each page stays free, so that a changed balance stays on its page.
CREATE TABLE holdings (
    account_id bigint,
    instrument text,
    tonnes bigint NOT NULL CHECK (tonnes >= 0),
    PRIMARY KEY (account_id, instrument)
) WITH (fillfactor = 50);

CREATE TABLE cash (
    account_id bigint,
    bank_id integer,
    fen bigint NOT NULL CHECK (fen >= 0),
    PRIMARY KEY (account_id, bank_id)
) WITH (fillfactor = 50);

CREATE TABLE trades (
    trade_number bigint PRIMARY KEY,
    -- Of a trade that was sent alone; those of a batch share the batch's.
    request_id bytea,
    instrument text NOT NULL,
    buyer bigint NOT NULL,
    seller bigint NOT NULL,
    buyer_bank integer NOT NULL,
    seller_bank integer NOT NULL,
    tonnes bigint NOT NULL,
    price_fen bigint NOT NULL,
    traded_at_ms bigint NOT NULL
);

CREATE UNIQUE INDEX ON trades (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE batches (
    request_id bytea PRIMARY KEY,
    first_trade bigint NOT NULL,
    trades bigint NOT NULL
);

-- One trade. Answers 1, also when the same request comes again.
CREATE FUNCTION settle_trade(
    request bytea, number bigint, what text, buyer bigint, seller bigint,
    buyer_bank integer, seller_bank integer, quantity bigint, price_fen bigint, traded_at bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    amount bigint := quantity * price_fen;
    firm bigint;
BEGIN
    INSERT INTO trades VALUES (
        number, request, what, buyer, seller, buyer_bank, seller_bank, quantity, price_fen, traded_at
    ) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM FROM trades t
            WHERE (t.request_id, t.trade_number, t.instrument, t.buyer, t.seller, t.tonnes, t.price_fen)
                = (request, number, what, settle_trade.buyer, settle_trade.seller, quantity,
                   settle_trade.price_fen);
        IF NOT FOUND THEN
            RAISE unique_violation USING MESSAGE = 'trade number or request id used before';
        END IF;
        RETURN 1;
    END IF;
    -- Rows are locked in one order everywhere: no two trades wait for each other.
    FOREACH firm IN ARRAY ARRAY[least(buyer, seller), greatest(buyer, seller)] LOOP
        UPDATE holdings
            SET tonnes = tonnes + CASE firm WHEN buyer THEN quantity ELSE -quantity END
            WHERE account_id = firm AND instrument = what;
        IF NOT FOUND THEN RAISE 'no holding of firm %', firm; END IF;
    END LOOP;
    FOREACH firm IN ARRAY ARRAY[least(buyer, seller), greatest(buyer, seller)] LOOP
        UPDATE cash
            SET fen = fen + CASE firm WHEN buyer THEN -amount ELSE amount END
            WHERE account_id = firm
                AND bank_id = CASE firm WHEN buyer THEN buyer_bank ELSE seller_bank END;
        IF NOT FOUND THEN RAISE 'no cash of firm %', firm; END IF;
    END LOOP;
    RETURN 1;
END $$;

-- Many trades of one instrument, each balance changed once by their sum.
CREATE FUNCTION settle_batch(
    request bytea, what text, numbers bigint[], buyers bigint[], sellers bigint[],
    buyer_banks integer[], seller_banks integer[], quantities bigint[], prices_fen bigint[],
    traded_at bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    answer bigint;
    changed bigint;
    expected bigint;
BEGIN
    INSERT INTO batches VALUES (request, numbers[1], cardinality(numbers)) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT trades INTO answer FROM batches
            WHERE (request_id, first_trade, trades) = (request, numbers[1], cardinality(numbers));
        IF NOT FOUND THEN
            RAISE unique_violation USING MESSAGE = 'request id used before';
        END IF;
        RETURN answer;
    END IF;
    INSERT INTO trades
        SELECT t.number, NULL, what, t.buyer, t.seller, t.buyer_bank, t.seller_bank, t.quantity,
            t.price_fen, t.traded_at
        FROM unnest(
            numbers, buyers, sellers, buyer_banks, seller_banks, quantities, prices_fen, traded_at
        ) AS t (number, buyer, seller, buyer_bank, seller_bank, quantity, price_fen, traded_at);

    PERFORM FROM holdings WHERE account_id = ANY (buyers || sellers) AND instrument = what
        ORDER BY account_id FOR UPDATE;
    WITH moves AS (
        SELECT firm, sum(quantity)::bigint AS tonnes FROM (
            SELECT unnest(buyers) AS firm, unnest(quantities) AS quantity
            UNION ALL SELECT unnest(sellers), -unnest(quantities)
        ) AS legs GROUP BY firm
    ), done AS (
        UPDATE holdings h SET tonnes = h.tonnes + m.tonnes FROM moves m
            WHERE h.account_id = m.firm AND h.instrument = what RETURNING 1
    ) SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM moves) INTO changed, expected;
    IF changed <> expected THEN RAISE '% of % holdings exist', changed, expected; END IF;

    PERFORM FROM cash WHERE account_id = ANY (buyers || sellers) ORDER BY account_id FOR UPDATE;
    WITH moves AS (
        SELECT firm, bank, sum(amount)::bigint AS fen FROM (
            SELECT buyer AS firm, buyer_bank AS bank, -quantity * price_fen AS amount
                FROM unnest(buyers, buyer_banks, quantities, prices_fen)
                AS b (buyer, buyer_bank, quantity, price_fen)
            UNION ALL SELECT seller, seller_bank, quantity * price_fen
                FROM unnest(sellers, seller_banks, quantities, prices_fen)
                AS s (seller, seller_bank, quantity, price_fen)
        ) AS legs GROUP BY firm, bank
    ), done AS (
        UPDATE cash c SET fen = c.fen + m.fen FROM moves m
            WHERE c.account_id = m.firm AND c.bank_id = m.bank RETURNING 1
    ) SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM moves) INTO changed, expected;
    IF changed <> expected THEN RAISE '% of % cash accounts exist', changed, expected; END IF;
    RETURN cardinality(numbers);
END $$;
