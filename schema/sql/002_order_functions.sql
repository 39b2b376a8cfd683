-- Orders: written in batches by ordering, read by shoppers and operators.

SET ROLE minishop_owner;

-- Writes a batch of journal entries; one row per argument, in their order.
--
--  1. The sale rows are locked first, in order of sale_id, by a statement of its own: every later statement has a snapshot
--     that is younger than the locks, and two batches cannot wait for each other in a circle.
--  2. A known rid changes nothing (code 0), whatever its epoch. If that order is final and the entry is of the present
--     epoch, the gate may still hold its units: release_box.
--  3. An unknown rid of another epoch than the sale's leaves no row (code 72): the present gate was built without it.
--  4. The rest is granted in order of sequence while total − sold lasts, one active order per shopper; granted = pending_payment,
--     ledger ALLOC, sold. What cannot be granted becomes a rejected order and a release_box row (code 74).
--  5. Nothing else inserts orders of a locked sale, so ON CONFLICT finds nothing. If it did, the whole batch is undone and
--     asked again, and rule 2 or 4 then sees the row.
--
-- The plan must be right before the first statistics exist: to an empty table every plan costs the same, and a connection keeps
-- the one it made (817 rows/s instead of 54,000 until the first ANALYZE). So the settings leave only index look-ups, a sub-query
-- in the list of columns is run per entry, and `sale_id + 0`, which no index serves, leaves only those by rid and by user.
CREATE FUNCTION order_write (
    a_sale_id bigint[], a_epoch bigint[], a_entry_ms bigint[], a_entry_seq bigint[], a_rid bytea[], a_user_id bigint[],
    a_quantity bigint[], a_price_cents bigint[], a_sequence bigint[], a_reserved_us bigint[], a_pay_before_us bigint[],
    a_body_hash bigint[], a_trace_id bytea[])
RETURNS TABLE (rid bytea, code bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint;
BEGIN
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (a_sale_id) ORDER BY s.sale_id FOR UPDATE;
    v_now := clock_us ();
    RETURN QUERY
    WITH entry AS (
        SELECT e.*, s.pay_within_s, s.epoch AS present_epoch, k.total - k.sold AS free,
               (SELECT o.status FROM orders o WHERE o.rid = e.rid AND o.sale_id + 0 = e.sale_id) AS known_status,
               (SELECT true FROM orders a
                WHERE a.user_id = e.user_id AND a.sale_id + 0 = e.sale_id AND a.status IN (2, 3) LIMIT 1) IS NOT NULL AS has_active,
               row_number () OVER (PARTITION BY e.sale_id, e.rid ORDER BY e.ordinal) = 1 AS is_first
        FROM unnest (a_sale_id, a_epoch, a_rid, a_user_id, a_quantity, a_price_cents, a_sequence, a_reserved_us,
                     a_pay_before_us, a_body_hash, a_trace_id) WITH ORDINALITY
             AS e (sale_id, epoch, rid, user_id, quantity, price_cents, sequence, reserved_us,
                   pay_before_us, body_hash, trace_id, ordinal)
        LEFT JOIN sale s ON s.sale_id = e.sale_id
        LEFT JOIN sale_sku k ON k.sale_id = e.sale_id
    ), fresh AS (
        SELECT entry.*, is_first AND known_status IS NULL AND epoch IS NOT DISTINCT FROM present_epoch AS is_fresh FROM entry
    ), single AS (
        SELECT fresh.*, has_active OR row_number () OVER (PARTITION BY sale_id, user_id, is_fresh ORDER BY sequence, ordinal) > 1
                        AS is_second
        FROM fresh
    ), decided AS MATERIALIZED (
        SELECT single.*, is_fresh AND NOT is_second
               AND sum (quantity) OVER (PARTITION BY sale_id, is_fresh AND NOT is_second ORDER BY sequence, ordinal) <= free
               AS is_granted
        FROM single
    ), written AS (
        INSERT INTO orders (sale_id, rid, user_id, quantity, price_cents, status, sequence, reserved_us, gate_pay_before_us,
                            pay_before_us, committed_us, changed_us, body_hash, trace_id, epoch, final_epoch, reason, actor)
        SELECT sale_id, rid, user_id, quantity, price_cents, CASE WHEN is_granted THEN 2 ELSE 6 END, sequence, reserved_us,
               pay_before_us, greatest (pay_before_us, v_now + least (pay_within_s, 300) * 1000000), v_now, v_now, body_hash,
               trace_id, epoch, CASE WHEN is_granted THEN 0 ELSE present_epoch END,
               CASE WHEN is_granted THEN '' WHEN is_second THEN 'duplicate' ELSE 'guard' END, 'ordering'
        FROM decided WHERE is_fresh ORDER BY ordinal
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), allocated AS (
        INSERT INTO ledger (sale_id, rid, kind, units, at_us)
        SELECT sale_id, rid, 'ALLOC', quantity, v_now FROM decided WHERE is_granted
    ), counted AS (
        UPDATE sale_sku k SET sold = k.sold + d.units, sequence = greatest (k.sequence, d.sequence)
        FROM (SELECT sale_id, coalesce (sum (quantity) FILTER (WHERE is_granted), 0)::bigint AS units, max (sequence) AS sequence
              FROM decided WHERE is_fresh GROUP BY sale_id) d
        WHERE k.sale_id = d.sale_id
    ), boxed AS (
        INSERT INTO release_box (sale_id, rid, units)
        SELECT sale_id, rid, quantity FROM decided
        WHERE (is_fresh AND NOT is_granted)
           OR (is_first AND known_status NOT IN (2, 3) AND epoch = present_epoch)
        ON CONFLICT DO NOTHING
    )
    SELECT rid, CASE WHEN NOT is_first OR known_status IS NOT NULL OR is_granted THEN 0 WHEN is_fresh THEN 74 ELSE 72 END::bigint
    FROM decided
    -- Rule 5
    WHERE (SELECT count (*) FROM written) = (SELECT count (*) FROM decided WHERE is_fresh) OR order_write_again ()
    ORDER BY ordinal;
END
$$;

CREATE FUNCTION order_write_again () RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'order_write: an order came without the lock of its sale' USING ERRCODE = 'serialization_failure';
END
$$;

-- Orders with the currency of their sale: columns of the record `order`.
CREATE VIEW order_row AS
    SELECT o.rid, o.sale_id, o.user_id, o.quantity, o.price_cents, s.currency, o.status, o.sequence, o.reserved_us,
           o.committed_us, o.pay_before_us, o.changed_us, o.reason, o.actor, o.place, o.trace_id
    FROM orders o JOIN sale s USING (sale_id);

-- The sale's number is the first 48 bits of a rid; a sale_id in the question goes before it.
CREATE FUNCTION rid_sale (a_rid bytea) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('x0000' || encode (substring (a_rid FOR 6), 'hex'))::bit (64)::bigint $$;

CREATE FUNCTION order_get (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF order_row LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT o.*
    FROM unnest (a_sale_id, a_rid, a_user_id, a_operator) AS q (sale_id, rid, user_id, operator)
    JOIN order_row o ON o.rid = q.rid AND o.sale_id + 0 = CASE q.sale_id WHEN 0 THEN rid_sale (q.rid) ELSE q.sale_id END
    WHERE q.operator = 1 OR o.user_id = q.user_id
$$;

-- One question: its first row counts.
CREATE FUNCTION order_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF order_row LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT o.* FROM order_row o
    WHERE o.user_id = a_user_id[1] AND o.place < CASE a_after[1] WHEN 0 THEN 9223372036854775807 ELSE a_after[1] END
    ORDER BY o.place DESC LIMIT page_rows (a_limit[1])
$$;

GRANT EXECUTE ON FUNCTION order_write, order_get, order_list TO minishop_ordering;

RESET ROLE;
