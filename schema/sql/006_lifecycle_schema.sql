-- What orders and sales need beyond their making: payments, timeline, dead letters, stock operations, names of operators.
--
--  8. payment: one row per (order, key); at most one captured per order. Whoever changes a payment or an order locks the row of its
--     sale first, as in invariant 1. Money that was captured and is not wanted (the order is final, or paid by another payment) is
--     refund_due until the provider says refunded.
--  9. payment_event: what providers said; an event is taken once, by its name.
-- 10. order_move: the moves of an order after its row was made, in the transaction of the move.
-- 11. dead_letter: a journal entry over its delivery limit, in one transaction with the rejected order and its release.
-- 12. stock_op: the name of every stock change ever made, with the epoch whose gate has or gets it.

SET ROLE minishop_owner;

-- Nothing wrote these yet.
DROP TABLE payment, payment_intent, stock_op;

CREATE TABLE payment (
    payment_id bytea PRIMARY KEY CHECK (octet_length (payment_id) = 16), -- the provider's key for charge and refund
    sale_id bigint NOT NULL,
    rid bytea NOT NULL,
    key text NOT NULL CHECK (octet_length (key) BETWEEN 1 AND 64), -- the shopper's Idempotency-Key
    method text NOT NULL CHECK (octet_length (method) <= 16),
    outcome text NOT NULL CHECK (octet_length (outcome) <= 16),
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    status bigint NOT NULL CHECK (status BETWEEN 1 AND 5), -- 1 pending, 2 captured, 3 declined, 4 refund_due, 5 refunded
    created_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    send_us bigint NOT NULL, -- when the provider is to be told (again); 0 = never
    sent_count bigint NOT NULL DEFAULT 0,
    place bigint GENERATED ALWAYS AS IDENTITY,
    UNIQUE (rid, sale_id, key),
    FOREIGN KEY (rid, sale_id) REFERENCES orders
);
CREATE UNIQUE INDEX payment_captured ON payment (rid, sale_id) WHERE status = 2;
CREATE INDEX payment_to_send ON payment (send_us) WHERE send_us > 0;

CREATE TABLE payment_event (
    event_id text PRIMARY KEY CHECK (octet_length (event_id) BETWEEN 1 AND 64),
    payment_id bytea NOT NULL REFERENCES payment,
    outcome bigint NOT NULL CHECK (outcome IN (2, 3, 5)),
    amount_cents bigint NOT NULL,
    at_us bigint NOT NULL
);

-- Events of payments that are not there: kept for people to look into, at most as many as payment_event_take allows.
CREATE TABLE payment_unmatched (
    event_id text PRIMARY KEY CHECK (octet_length (event_id) BETWEEN 1 AND 64),
    payment_id bytea NOT NULL,
    rid bytea NOT NULL,
    outcome bigint NOT NULL,
    amount_cents bigint NOT NULL,
    at_us bigint NOT NULL
);

CREATE TABLE order_move (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rid bytea NOT NULL,
    at_us bigint NOT NULL,
    event text NOT NULL CHECK (octet_length (event) BETWEEN 1 AND 32),
    actor text NOT NULL CHECK (octet_length (actor) <= 32)
);
CREATE INDEX order_move_by_rid ON order_move (rid, place);

-- Orders whose time to pay will end, soonest first.
CREATE INDEX orders_due ON orders (pay_before_us) WHERE status = 2;

CREATE TABLE dead_letter (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sale_id bigint NOT NULL,
    epoch bigint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    rid bytea NOT NULL CHECK (octet_length (rid) = 16), -- all zero: could not be read
    user_id bigint NOT NULL,
    quantity bigint NOT NULL,
    price_cents bigint NOT NULL,
    sequence bigint NOT NULL,
    reserved_us bigint NOT NULL,
    pay_before_us bigint NOT NULL,
    body_hash bigint NOT NULL,
    trace_id bytea NOT NULL CHECK (octet_length (trace_id) = 16),
    reason text NOT NULL CHECK (octet_length (reason) <= 200),
    attempts bigint NOT NULL,
    at_us bigint NOT NULL,
    state bigint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4), -- 1 open, 2 requeueing, 3 requeued, 4 discarded
    actor text NOT NULL DEFAULT '' CHECK (octet_length (actor) <= 32),
    changed_us bigint NOT NULL,
    UNIQUE (sale_id, epoch, entry_ms, entry_seq)
);
CREATE INDEX dead_letter_open ON dead_letter (place) WHERE state <= 2;

CREATE TABLE stock_op (
    op_id bytea PRIMARY KEY CHECK (octet_length (op_id) = 16),
    sale_id bigint NOT NULL REFERENCES sale,
    delta bigint NOT NULL CHECK (delta <> 0),
    epoch bigint NOT NULL, -- a gate of a later epoch has the change already
    reason text NOT NULL CHECK (octet_length (reason) <= 200),
    actor text NOT NULL CHECK (octet_length (actor) <= 32),
    state bigint NOT NULL CHECK (state BETWEEN 1 AND 3), -- 1 begun, 2 done, 3 refused
    at_us bigint NOT NULL
);
CREATE INDEX stock_op_begun ON stock_op (sale_id) WHERE state = 1;

-- True unless somebody took the lease after the asker had got it with this token: what a leader that was paused may no longer do.
CREATE FUNCTION lease_is_held (a_name text, a_token bigint) RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT NOT EXISTS (SELECT FROM lease l WHERE l.name = a_name AND l.token > a_token) $$;

-- ---------------------------------------------------------------- the record `sale` has two fields more

CREATE OR REPLACE VIEW sale_row AS
    SELECT s.sale_id, s.version, s.state, s.product_id, s.title, s.description, s.image_url, s.price_cents, s.list_price_cents,
           s.currency, k.total AS stock_total, k.total - k.sold AS stock_left, s.starts_at_ms, s.ends_at_ms, s.per_user_limit,
           s.pay_within_s, s.epoch, 0::bigint AS recovering, k.sold, 0::bigint AS mask, ''::text AS actor
    FROM sale s JOIN sale_sku k USING (sale_id);

DROP FUNCTION sale_create (bigint[], bigint[], bigint[], text[], text[], text[], text[], bigint[], bigint[], text[], bigint[], bigint[],
                           bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]);

-- Drafts. Asked again after an unknown outcome it makes another draft, which nobody sees and nothing counts.
CREATE FUNCTION sale_create (
    a_sale_id bigint[], a_version bigint[], a_state bigint[], a_product_id text[], a_title text[], a_description text[],
    a_image_url text[], a_price_cents bigint[], a_list_price_cents bigint[], a_currency text[], a_stock_total bigint[],
    a_stock_left bigint[], a_starts_at_ms bigint[], a_ends_at_ms bigint[], a_per_user_limit bigint[], a_pay_within_s bigint[],
    a_epoch bigint[], a_recovering bigint[], a_sold bigint[], a_mask bigint[], a_actor text[])
RETURNS SETOF sale_row LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_sale_id bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_title) LOOP
        INSERT INTO sale (product_id, title, description, image_url, price_cents, list_price_cents, currency, starts_at_ms,
                          ends_at_ms, per_user_limit, pay_within_s)
        VALUES (a_product_id[i], a_title[i], a_description[i], a_image_url[i], a_price_cents[i], a_list_price_cents[i],
                a_currency[i], a_starts_at_ms[i], a_ends_at_ms[i], a_per_user_limit[i], a_pay_within_s[i])
        RETURNING sale.sale_id INTO v_sale_id;
        INSERT INTO sale_sku (sale_id, total) VALUES (v_sale_id, a_stock_total[i]);
        INSERT INTO admin_log (at_ms, who, action, target, before, after)
        VALUES (clock_us () / 1000, CASE a_actor[i] WHEN '' THEN 'operator' ELSE a_actor[i] END, 'sale_create',
                'sale ' || v_sale_id, '', 'draft');
        RETURN QUERY SELECT r.* FROM sale_row r WHERE r.sale_id = v_sale_id;
    END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION sale_create TO minishop_inventory;

RESET ROLE;
