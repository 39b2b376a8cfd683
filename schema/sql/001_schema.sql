-- Roles and tables: the authority for stock, orders and accounts.
--
--  1. sale_sku.sold = units of active orders (pending_payment, paid) of the sale, and never more than total. Whoever changes
--     an order, sale_sku or the epoch of a sale locks its row in `sale` first, several in order of sale_id.
--  2. One active order per (sale, user); one order per (sale, rid). Rows of orders and ledger are never deleted.
--  3. ledger: one ALLOC when an order becomes pending_payment, at most one RETURN when it becomes final; none for rejected.
--  4. release_box: units that the gate still holds and PostgreSQL does not want any more. A row leaves on the gate's final
--     answer only.
--  5. orders.epoch < sale.epoch: the row is part of the snapshot from which the present gate was built. orders.final_epoch is
--     sale.epoch at the moment the order became final, 0 while it is active: what that snapshot saw can be read for ever.
--  6. Nothing but the owner's functions touches a table: the processes' roles may execute those and nothing else.
--  7. All numbers are bigint, all ids of 16 bytes bytea, nothing is NULL: absent is 0, '' or 16 zero bytes, as on the wire.
--
-- Times: _us and _ms since 1970; of PostgreSQL's clock unless `gate` is said.

-- ---------------------------------------------------------------- roles; the supervisor gives them their passwords

DO $$
DECLARE
    login text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'minishop_owner') THEN
        CREATE ROLE minishop_owner NOLOGIN;
    END IF;
    FOREACH login IN ARRAY ARRAY['minishop_ordering', 'minishop_inventory', 'minishop_account', 'minishop_broker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
            EXECUTE format ('CREATE ROLE %I LOGIN', login);
        END IF;
        -- Below sql_deadline_ms (5 s): the server gives up first, so that an unknown outcome is the rare case.
        EXECUTE format ('ALTER ROLE %I SET statement_timeout = ''4s''', login);
        EXECUTE format ('ALTER ROLE %I SET lock_timeout = ''3s''', login);
        EXECUTE format ('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''5s''', login);
        EXECUTE format ('ALTER ROLE %I SET default_transaction_isolation = ''read committed''', login);
        -- What was promised is on disk, whatever postgresql.conf says.
        EXECUTE format ('ALTER ROLE %I SET synchronous_commit = on', login);
        EXECUTE format ('ALTER ROLE %I SET jit = off', login);
        EXECUTE format ('GRANT CONNECT ON DATABASE %I TO %I', current_database (), login);
        EXECUTE format ('GRANT USAGE ON SCHEMA public TO %I', login);
    END LOOP;
    EXECUTE format ('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database ());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO minishop_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE minishop_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

SET ROLE minishop_owner;

-- ---------------------------------------------------------------- sales

CREATE TABLE sale (
    -- 48 bits: the number is the front of every order id.
    sale_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (sale_id BETWEEN 1 AND (1::bigint << 48) - 1),
    version bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    state bigint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4), -- 1 draft, 2 open, 3 paused, 4 ended
    product_id text NOT NULL CHECK (octet_length (product_id) <= 64),
    title text NOT NULL CHECK (octet_length (title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (octet_length (description) <= 2000),
    image_url text NOT NULL CHECK (octet_length (image_url) <= 256 AND (image_url = '' OR image_url ~ '^/([^/\\]|$)')),
    price_cents bigint NOT NULL CHECK (price_cents BETWEEN 0 AND 1000000000),
    list_price_cents bigint NOT NULL CHECK (list_price_cents BETWEEN 0 AND 1000000000),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    starts_at_ms bigint NOT NULL CHECK (starts_at_ms >= 0),
    ends_at_ms bigint NOT NULL CHECK (ends_at_ms < 9007199254740), -- in µs a double, as Lua has, still holds it exactly
    per_user_limit bigint NOT NULL CHECK (per_user_limit BETWEEN 1 AND 100),
    pay_within_s bigint NOT NULL CHECK (pay_within_s BETWEEN 1 AND 86400),
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0), -- of its gate; 0 = none installed yet
    token bigint NOT NULL DEFAULT 0 CHECK (token >= 0), -- highest fencing token that bumped the epoch
    lost_with_disk bigint NOT NULL DEFAULT 0 CHECK (lost_with_disk >= 0), -- units
    ended_at_ms bigint NOT NULL DEFAULT 0, -- when an operator ended it; 0 = nobody did
    CHECK (starts_at_ms < ends_at_ms)
) WITH (fillfactor = 50);

CREATE TABLE sale_sku (
    sale_id bigint PRIMARY KEY REFERENCES sale,
    total bigint NOT NULL CHECK (total BETWEEN 0 AND 10000000),
    sold bigint NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0, -- highest of its orders
    CHECK (sold BETWEEN 0 AND total)
) WITH (fillfactor = 20); -- one narrow row that every batch rewrites: room for HOT updates

CREATE TABLE stock_op (
    op_id text PRIMARY KEY CHECK (octet_length (op_id) BETWEEN 1 AND 64),
    sale_id bigint NOT NULL REFERENCES sale,
    delta bigint NOT NULL,
    epoch bigint NOT NULL, -- a gate of a later epoch has the change already
    reason text NOT NULL CHECK (octet_length (reason) <= 200),
    actor text NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    at_us bigint NOT NULL
);

-- ---------------------------------------------------------------- orders

-- No foreign key to sale: order_write holds the sale's row anyway, and a check per row would double its cost.
CREATE TABLE orders (
    sale_id bigint NOT NULL,
    rid bytea NOT NULL CHECK (octet_length (rid) = 16),
    user_id bigint NOT NULL,
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 10000000),
    price_cents bigint NOT NULL,
    status bigint NOT NULL CHECK (status BETWEEN 2 AND 7), -- 2 pending_payment, 3 paid, 4 cancelled, 5 expired, 6 rejected, 7 refunded
    sequence bigint NOT NULL,
    reserved_us bigint NOT NULL, -- gate time
    gate_pay_before_us bigint NOT NULL, -- gate time: what the 201 said, and says again after a rebuild
    pay_before_us bigint NOT NULL,
    committed_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    body_hash bigint NOT NULL,
    trace_id bytea NOT NULL CHECK (octet_length (trace_id) = 16),
    epoch bigint NOT NULL, -- of the gate that reserved
    final_epoch bigint NOT NULL DEFAULT 0, -- of the sale when the order became final; 0 = active
    place bigint GENERATED ALWAYS AS IDENTITY, -- position in lists
    reason text NOT NULL DEFAULT '' CHECK (octet_length (reason) <= 64),
    actor text NOT NULL CHECK (octet_length (actor) <= 32),
    -- Rid and user before the sale: see order_write for why no look-up may be tempted by an index that begins with the sale.
    PRIMARY KEY (rid, sale_id),
    CHECK ((status IN (2, 3)) = (final_epoch = 0))
);
CREATE UNIQUE INDEX orders_active ON orders (user_id, sale_id) WHERE status IN (2, 3);
CREATE UNIQUE INDEX orders_by_sale ON orders (sale_id, place);
CREATE INDEX orders_by_user ON orders (user_id, place);

CREATE TABLE ledger (
    sale_id bigint NOT NULL,
    rid bytea NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ALLOC', 'RETURN')),
    units bigint NOT NULL CHECK (units >= 1),
    at_us bigint NOT NULL,
    PRIMARY KEY (sale_id, rid, kind)
);

CREATE TABLE release_box (
    sale_id bigint NOT NULL,
    rid bytea NOT NULL,
    units bigint NOT NULL CHECK (units >= 1),
    place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (sale_id, rid)
);

-- ---------------------------------------------------------------- payments

CREATE TABLE payment_intent (
    sale_id bigint NOT NULL,
    rid bytea NOT NULL,
    key text NOT NULL CHECK (octet_length (key) BETWEEN 1 AND 64), -- the shopper's Idempotency-Key
    payment_id bytea NOT NULL UNIQUE CHECK (octet_length (payment_id) = 16), -- the provider's key for charge and refund
    method text NOT NULL,
    outcome text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    at_us bigint NOT NULL,
    PRIMARY KEY (sale_id, rid, key),
    FOREIGN KEY (rid, sale_id) REFERENCES orders
);

CREATE TABLE payment (
    provider text NOT NULL,
    txn text NOT NULL, -- the provider's event
    payment_id bytea NOT NULL REFERENCES payment_intent (payment_id),
    sale_id bigint NOT NULL,
    rid bytea NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'captured', 'declined', 'refund_due', 'refunded')),
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    at_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    PRIMARY KEY (provider, txn),
    FOREIGN KEY (rid, sale_id) REFERENCES orders
);
CREATE UNIQUE INDEX payment_captured ON payment (sale_id, rid) WHERE status = 'captured';

-- ---------------------------------------------------------------- leases, limits, log

CREATE TABLE lease (
    name text PRIMARY KEY CHECK (octet_length (name) BETWEEN 1 AND 32),
    holder text NOT NULL CHECK (octet_length (holder) BETWEEN 1 AND 64),
    incarnation bigint NOT NULL,
    token bigint NOT NULL CHECK (token >= 1),
    expires_us bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE limits (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,
    ip_rate_per_s bigint NOT NULL CHECK (ip_rate_per_s >= 0), -- rates: 0 = unlimited
    ip_burst bigint NOT NULL CHECK (ip_burst >= 0),
    user_count bigint NOT NULL CHECK (user_count >= 0),
    user_window_ms bigint NOT NULL CHECK (user_window_ms >= 0),
    sale_rate_per_s bigint NOT NULL CHECK (sale_rate_per_s >= 0),
    sale_burst bigint NOT NULL CHECK (sale_burst >= 0),
    global_rate_per_s bigint NOT NULL CHECK (global_rate_per_s >= 0),
    global_burst bigint NOT NULL CHECK (global_burst >= 0),
    actor text NOT NULL CHECK (octet_length (actor) <= 32)
);
-- One shopper may try 50 times a second; sale and global are unlimited, for the limiter's adaptive admission protects the machine.
INSERT INTO limits VALUES (true, 1, 200, 400, 50, 1000, 0, 0, 0, 0, '');

CREATE TABLE admin_log (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms bigint NOT NULL,
    who text NOT NULL CHECK (octet_length (who) <= 32),
    action text NOT NULL CHECK (octet_length (action) <= 32),
    target text NOT NULL CHECK (octet_length (target) <= 64),
    before text NOT NULL CHECK (octet_length (before) <= 200),
    after text NOT NULL CHECK (octet_length (after) <= 200)
);

-- ---------------------------------------------------------------- accounts

CREATE TABLE account (
    user_id bigint PRIMARY KEY CHECK (user_id >= 1),
    username text COLLATE "C" NOT NULL UNIQUE CHECK (username ~ '^[A-Za-z0-9_.-]{3,32}$'),
    role text NOT NULL CHECK (role IN ('shopper', 'operator')),
    display_name text NOT NULL CHECK (octet_length (display_name) <= 64),
    password_hash text NOT NULL CHECK (octet_length (password_hash) BETWEEN 1 AND 128),
    at_ms bigint NOT NULL
);

CREATE TABLE denial (
    user_id bigint NOT NULL,
    token_id bytea NOT NULL CHECK (octet_length (token_id) = 16), -- 16 zero bytes = all tokens issued before not_before_ms
    not_before_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    PRIMARY KEY (user_id, token_id)
);

-- ---------------------------------------------------------------- what several functions need

-- µs since 1970, at the moment of the call: not of the transaction's start, which may lie before a wait for a lock.
CREATE FUNCTION clock_us () RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT (extract (epoch FROM clock_timestamp ()) * 1000000)::bigint $$;

-- Rows of one page: what was asked for, never more than CALL_ROWS_MAX; 0 = as many as that.
CREATE FUNCTION page_rows (wanted bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN wanted BETWEEN 1 AND 1024 THEN wanted ELSE 1024 END $$;

RESET ROLE;
