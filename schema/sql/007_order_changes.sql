-- What becomes of an order after it was written: cancel, expiry, payments, poison; and what is read about it. All of ordering.
--
--  1. Every function locks the rows of `sale` first (invariant 1 of 001), in order of sale_id and in statements of their own: each later
--     statement has a snapshot that is younger than the locks. So of a cancel, an expiry and a capture of one order the first wins, and the
--     others see what it wrote.
--  2. A move is written where the row still has the state that it starts from, together with its ledger row, sale_sku, release_box and
--     order_move: asked again it finds the new state and changes nothing. That makes all of them safe to repeat.
--  3. Rows of the answer are those of the arguments, in their order; the same subject twice in one call is like two calls.
--  4. `sale_id + 0`, the forced plan and the switched-off scans are explained at order_write.

SET ROLE minishop_owner;

-- Text of an order's id, for the log.
CREATE FUNCTION rid_text (a_rid bytea) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT encode (a_rid, 'hex')::uuid::text $$;

-- Makes active orders final: those of the arguments that are in state `a_from`. Their sales are locked. Returns how many.
CREATE FUNCTION order_finish (
    a_sale_id bigint[], a_rid bytea[], a_from bigint, a_to bigint, a_event text, a_actor text[], a_reason text[], a_now bigint)
RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_count bigint;
BEGIN
    WITH moved AS (
        UPDATE orders o
        SET status = a_to, final_epoch = s.epoch, changed_us = a_now, reason = e.reason, actor = e.actor
        FROM unnest (a_sale_id, a_rid, a_actor, a_reason) AS e (sale_id, rid, actor, reason)
        JOIN sale s ON s.sale_id = e.sale_id
        WHERE o.rid = e.rid AND o.sale_id + 0 = e.sale_id AND o.status = a_from
        RETURNING o.sale_id, o.rid, o.quantity, o.actor
    ), returned AS (
        INSERT INTO ledger (sale_id, rid, kind, units, at_us) SELECT sale_id, rid, 'RETURN', quantity, a_now FROM moved
    ), counted AS (
        UPDATE sale_sku k SET sold = k.sold - m.units
        FROM (SELECT sale_id, sum (quantity)::bigint AS units FROM moved GROUP BY sale_id) m
        WHERE k.sale_id = m.sale_id
    ), boxed AS (
        INSERT INTO release_box (sale_id, rid, units) SELECT sale_id, rid, quantity FROM moved ON CONFLICT DO NOTHING
    ), told AS (
        INSERT INTO order_move (rid, at_us, event, actor) SELECT rid, a_now, a_event, actor FROM moved
    )
    SELECT count (*) INTO v_count FROM moved;
    RETURN v_count;
END
$$;

-- Writes an order that is final from the start, with its release; its sale is locked and it has no row.
CREATE FUNCTION order_insert_final (
    a_sale_id bigint, a_rid bytea, a_user_id bigint, a_quantity bigint, a_price_cents bigint, a_status bigint, a_sequence bigint,
    a_reserved_us bigint, a_pay_before_us bigint, a_body_hash bigint, a_trace_id bytea, a_epoch bigint, a_event text, a_reason text,
    a_actor text, a_now bigint)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO orders (sale_id, rid, user_id, quantity, price_cents, status, sequence, reserved_us, gate_pay_before_us,
                        pay_before_us, committed_us, changed_us, body_hash, trace_id, epoch, final_epoch, reason, actor)
    VALUES (a_sale_id, a_rid, a_user_id, a_quantity, a_price_cents, a_status, a_sequence, a_reserved_us, a_pay_before_us,
            a_pay_before_us, a_now, a_now, a_body_hash, a_trace_id, a_epoch, a_epoch, a_reason, a_actor);
    INSERT INTO release_box (sale_id, rid, units) VALUES (a_sale_id, a_rid, a_quantity) ON CONFLICT DO NOTHING;
    INSERT INTO order_move (rid, at_us, event, actor) VALUES (a_rid, a_now, a_event, a_actor);
END
$$;

-- ---------------------------------------------------------------- cancel

-- The first rule that applies:
--
--  1. there is a row, of another user, and no operator asks            8 (not found)
--  2. there is a row: pending_payment                                  0, becomes cancelled
--                     cancelled                                        0
--                     any other                                        35 (invalid state)
--  3. no row, the gate did not show it held, or there is no such sale  8
--  4. no row, held at the gate of another epoch                        52 (recovering): ask the gate again
--  5. no row, held at the gate of this epoch                           0: a row that is cancelled from the start. Its journal entry, which
--                                                                      comes later, finds it. ALLOC and RETURN are in the ledger as of any
--                                                                      cancelled order; `sold` never had its units
CREATE FUNCTION order_cancel (
    a_rid bytea[], a_sale_id bigint[], a_user_id bigint[], a_operator bigint[], a_actor text[], a_reason text[], a_held bigint[],
    a_epoch bigint[], a_quantity bigint[], a_price_cents bigint[], a_sequence bigint[], a_reserved_us bigint[],
    a_pay_before_us bigint[], a_body_hash bigint[])
RETURNS TABLE (rid bytea, code bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_sale bigint[] := ARRAY (SELECT CASE e.sale_id WHEN 0 THEN rid_sale (e.rid) ELSE e.sale_id END
                              FROM unnest (a_sale_id, a_rid) WITH ORDINALITY AS e (sale_id, rid, ordinal) ORDER BY e.ordinal);
    v_code bigint[] := array_fill (8::bigint, ARRAY[cardinality (a_rid)]);
    v_now bigint;
    v_status bigint;
    v_user bigint;
    v_epoch bigint;
    v_sales bigint[] := '{}'; -- of the orders that become cancelled
    v_rids bytea[] := '{}';
    v_actors text[] := '{}';
    v_reasons text[] := '{}';
BEGIN
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (v_sale) ORDER BY s.sale_id FOR UPDATE;
    v_now := clock_us ();
    FOR i IN 1 .. cardinality (a_rid) LOOP
        SELECT o.status, o.user_id INTO v_status, v_user FROM orders o WHERE o.rid = a_rid[i] AND o.sale_id + 0 = v_sale[i];
        IF FOUND THEN
            CONTINUE WHEN v_user <> a_user_id[i] AND a_operator[i] <> 1;
            v_code[i] := CASE WHEN v_status IN (2, 4) THEN 0 ELSE 35 END;
            CONTINUE WHEN v_status <> 2 OR a_rid[i] = ANY (v_rids);
            v_sales := v_sales || v_sale[i];
            v_rids := v_rids || a_rid[i];
            v_actors := v_actors || a_actor[i];
            v_reasons := v_reasons || a_reason[i];
        ELSE
            SELECT s.epoch INTO v_epoch FROM sale s WHERE s.sale_id = v_sale[i];
            CONTINUE WHEN NOT FOUND OR a_held[i] <> 1;
            v_code[i] := CASE WHEN a_epoch[i] <> v_epoch THEN 52 WHEN a_quantity[i] NOT BETWEEN 1 AND 10000000 THEN 17 ELSE 0 END;
            CONTINUE WHEN v_code[i] <> 0;
            PERFORM order_insert_final (v_sale[i], a_rid[i], a_user_id[i], a_quantity[i], a_price_cents[i], 4, a_sequence[i],
                                        a_reserved_us[i], a_pay_before_us[i], a_body_hash[i], decode (repeat ('00', 16), 'hex'),
                                        v_epoch, 'cancelled', a_reason[i], a_actor[i], v_now);
            INSERT INTO ledger (sale_id, rid, kind, units, at_us)
            VALUES (v_sale[i], a_rid[i], 'ALLOC', a_quantity[i], v_now), (v_sale[i], a_rid[i], 'RETURN', a_quantity[i], v_now);
            UPDATE sale_sku k SET sequence = a_sequence[i] WHERE k.sale_id = v_sale[i] AND k.sequence < a_sequence[i];
        END IF;
        IF a_operator[i] = 1 THEN
            INSERT INTO admin_log (at_ms, who, action, target, before, after)
            VALUES (v_now / 1000, a_actor[i], 'order_cancel', 'order ' || rid_text (a_rid[i]),
                    CASE WHEN v_status = 2 THEN 'pending_payment' ELSE 'reserved' END, 'cancelled: ' || a_reason[i]);
        END IF;
    END LOOP;
    PERFORM order_finish (v_sales, v_rids, 2, 4, 'cancelled', v_actors, v_reasons, v_now);
    RETURN QUERY SELECT e.rid, e.code FROM unnest (a_rid, v_code) WITH ORDINALITY AS e (rid, code, ordinal) ORDER BY e.ordinal;
END
$$;

-- ---------------------------------------------------------------- expiry

-- Pending orders whose pay_before is over become expired: up to `limit`, of one sale or (sale_id 0) of all, soonest first. The clock is
-- PostgreSQL's. Pending payments stay as they are: money that comes later is refund_due.
--
--  1. A token other than 0 must be the highest of the lease `scheduler`, otherwise nothing is done (code 73).
--  2. Sales that are being written are passed over, so that nobody waits behind a clock. Only the sale whose order has waited longest, if
--     that is over 400 ms, is waited for, for at most a second: under a steady stream of writes its turn comes all the same. It is locked
--     while nothing else is held, and the others after it without waiting: no circle. A sale that cannot be had even so holds up no other.
--  3. next_us: when to look again: the soonest pay_before of what is pending afterwards, 0 if nothing is; 50 ms from now at the soonest
--     where a sale was passed over. Of one sale it may be too early: only the 4,096 soonest orders of all are looked at for it.
CREATE FUNCTION order_expire (a_sale_id bigint[], a_token bigint[], a_limit bigint[])
RETURNS TABLE (expired_count bigint, next_us bigint, now_us bigint, code bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET lock_timeout = '1s'
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    c_sale CONSTANT bigint := a_sale_id[1]; -- 0 = all
    v_limit bigint := page_rows (a_limit[1]);
    v_now bigint := clock_us ();
    v_oldest record;
    v_stuck bigint := 0; -- a sale that could not be had
    v_wanted bigint[] := '{}'; -- sales to try without waiting
    v_locked bigint[] := '{}';
    v_others bigint[] := '{}';
    v_rids bytea[];
    v_sales bigint[];
    v_count bigint := 0;
    v_next bigint;
BEGIN
    IF a_token[1] <> 0 AND NOT lease_is_held ('scheduler', a_token[1]) THEN
        RETURN QUERY VALUES (0::bigint, 0::bigint, v_now, 73::bigint);
        RETURN;
    END IF;
    SELECT o.sale_id, o.pay_before_us INTO v_oldest FROM orders o
    WHERE o.status = 2 AND o.pay_before_us <= v_now AND (c_sale = 0 OR o.sale_id + 0 = c_sale) ORDER BY o.pay_before_us LIMIT 1;
    IF FOUND AND v_oldest.pay_before_us < v_now - 400000 THEN
        BEGIN
            PERFORM 1 FROM sale s WHERE s.sale_id = v_oldest.sale_id FOR UPDATE;
            v_locked := ARRAY[v_oldest.sale_id];
        EXCEPTION WHEN lock_not_available THEN
            v_stuck := v_oldest.sale_id;
        END;
        v_now := clock_us ();
    END IF;
    IF v_oldest.sale_id IS NOT NULL THEN
        v_wanted := ARRAY (
            SELECT DISTINCT d.sale_id
            FROM (SELECT o.sale_id FROM orders o
                  WHERE o.status = 2 AND o.pay_before_us <= v_now AND (c_sale = 0 OR o.sale_id + 0 = c_sale) AND o.sale_id <> v_stuck
                  ORDER BY o.pay_before_us LIMIT v_limit) d
            WHERE d.sale_id <> ALL (v_locked));
    END IF;
    IF cardinality (v_wanted) > 0 THEN
        v_others := ARRAY (SELECT s.sale_id FROM sale s WHERE s.sale_id = ANY (v_wanted) ORDER BY s.sale_id FOR UPDATE SKIP LOCKED);
        v_locked := v_locked || v_others;
    END IF;
    IF cardinality (v_locked) > 0 THEN
        SELECT coalesce (array_agg (d.sale_id), '{}'), coalesce (array_agg (d.rid), '{}') INTO v_sales, v_rids
        FROM (SELECT o.sale_id, o.rid FROM orders o
              WHERE o.status = 2 AND o.pay_before_us <= v_now AND (c_sale = 0 OR o.sale_id + 0 = c_sale) AND o.sale_id + 0 = ANY (v_locked)
              ORDER BY o.pay_before_us LIMIT v_limit) d;
        v_count := order_finish (v_sales, v_rids, 2, 5, 'expired', array_fill ('timeout'::text, ARRAY[cardinality (v_rids)]),
                                 array_fill (''::text, ARRAY[cardinality (v_rids)]), v_now);
    END IF;
    IF c_sale = 0 THEN
        SELECT o.pay_before_us INTO v_next FROM orders o WHERE o.status = 2 ORDER BY o.pay_before_us LIMIT 1;
    ELSE
        SELECT coalesce (min (n.pay_before_us) FILTER (WHERE n.sale_id = c_sale),
                         CASE count (*) WHEN 4096 THEN max (n.pay_before_us) END) INTO v_next
        FROM (SELECT o.sale_id, o.pay_before_us FROM orders o WHERE o.status = 2 ORDER BY o.pay_before_us LIMIT 4096) n;
    END IF;
    IF v_next IS NOT NULL AND (v_stuck <> 0 OR cardinality (v_others) < cardinality (v_wanted)) THEN
        v_next := greatest (v_next, v_now + 50000);
    END IF;
    RETURN QUERY VALUES (v_count, coalesce (v_next, 0), v_now, 0::bigint);
END
$$;

-- ---------------------------------------------------------------- poison

-- Journal entries over their delivery limit. The first rule that applies:
--
--  1. the rid could not be read                    0, a dead letter: it may be a confirmed reservation, so nobody takes it out unseen
--  2. the rid has a row                            0, a dead letter; if the order is final and the entry of the present epoch the gate may
--                                                  still hold its units: release_box (as rule 2 of order_write)
--  3. another epoch than the sale's, or no sale    72: the present gate was built without it
--  4. otherwise                                    74, an order that is rejected from the start, its release, a dead letter
--
-- A dead letter is written once per entry. A quantity that cannot be is kept in the letter only: the release goes by the rid.
CREATE FUNCTION order_reject (
    a_place bigint[], a_sale_id bigint[], a_epoch bigint[], a_entry_ms bigint[], a_entry_seq bigint[], a_rid bytea[],
    a_user_id bigint[], a_quantity bigint[], a_price_cents bigint[], a_sequence bigint[], a_reserved_us bigint[],
    a_pay_before_us bigint[], a_body_hash bigint[], a_trace_id bytea[], a_reason text[], a_attempts bigint[], a_at_us bigint[],
    a_state bigint[])
RETURNS TABLE (rid bytea, code bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint;
    v_status bigint;
    v_quantity bigint;
    v_epoch bigint;
    v_code bigint;
BEGIN
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (a_sale_id) ORDER BY s.sale_id FOR UPDATE;
    v_now := clock_us ();
    FOR i IN 1 .. cardinality (a_rid) LOOP
        v_code := 0;
        SELECT s.epoch INTO v_epoch FROM sale s WHERE s.sale_id = a_sale_id[i];
        SELECT o.status, o.quantity INTO v_status, v_quantity FROM orders o
        WHERE o.rid = a_rid[i] AND o.sale_id + 0 = a_sale_id[i];
        IF FOUND THEN
            IF v_status NOT IN (2, 3) AND a_epoch[i] = v_epoch THEN
                INSERT INTO release_box (sale_id, rid, units) VALUES (a_sale_id[i], a_rid[i], v_quantity) ON CONFLICT DO NOTHING;
            END IF;
        ELSIF a_rid[i] <> decode (repeat ('00', 16), 'hex') THEN
            v_code := CASE WHEN a_epoch[i] IS DISTINCT FROM v_epoch THEN 72 ELSE 74 END;
            IF v_code = 74 THEN
                PERFORM order_insert_final (a_sale_id[i], a_rid[i], a_user_id[i], greatest (1, least (a_quantity[i], 10000000)),
                                            a_price_cents[i], 6, a_sequence[i], a_reserved_us[i], a_pay_before_us[i],
                                            a_body_hash[i], a_trace_id[i], v_epoch, 'rejected', 'poison', 'ordering', v_now);
            END IF;
        END IF;
        IF v_code <> 72 THEN
            INSERT INTO dead_letter (sale_id, epoch, entry_ms, entry_seq, rid, user_id, quantity, price_cents, sequence, reserved_us,
                                     pay_before_us, body_hash, trace_id, reason, attempts, at_us, changed_us)
            VALUES (a_sale_id[i], a_epoch[i], a_entry_ms[i], a_entry_seq[i], a_rid[i], a_user_id[i], a_quantity[i], a_price_cents[i],
                    a_sequence[i], a_reserved_us[i], a_pay_before_us[i], a_body_hash[i], a_trace_id[i], a_reason[i], a_attempts[i],
                    v_now, v_now)
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN QUERY VALUES (a_rid[i], v_code);
    END LOOP;
END
$$;

-- ---------------------------------------------------------------- payments

-- The first rule that applies:
--
--  1. no order, or another user's                  8 (not found)
--  2. the order has a payment under this key       0 and the payment as it is now; another method or outcome than then: 31
--  3. the order does not wait for payment          35 (invalid state)
--  4. it has 50 payments                           34 (limit exceeded)
--  5. no key                                       17 (invalid field)
--  6. the payment_id names another payment         31
--  7. otherwise                                    0 and a new payment. Ordering sends the charge at once; payment_due does so again from
--                                                  three seconds later on, if nothing has come of it
--
-- An order that is not there needs no lock: so asking again and again for a row that is still to come costs its writer nothing.
CREATE FUNCTION payment_create (
    a_payment_id bytea[], a_rid bytea[], a_sale_id bigint[], a_user_id bigint[], a_key text[], a_method text[], a_outcome text[],
    a_waits bigint[])
RETURNS TABLE (payment_id bytea, rid bytea, sale_id bigint, status bigint, amount_cents bigint, created_us bigint, changed_us bigint,
               code bigint, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_sale bigint[] := ARRAY (SELECT CASE e.sale_id WHEN 0 THEN rid_sale (e.rid) ELSE e.sale_id END
                              FROM unnest (a_sale_id, a_rid) WITH ORDINALITY AS e (sale_id, rid, ordinal) ORDER BY e.ordinal);
    v_locked bigint[];
    v_order record;
    v_payment payment;
    v_now bigint;
    v_code bigint;
BEGIN
    v_locked := ARRAY (SELECT DISTINCT e.sale_id FROM unnest (v_sale, a_rid) AS e (sale_id, rid)
                       WHERE EXISTS (SELECT FROM orders o WHERE o.rid = e.rid AND o.sale_id + 0 = e.sale_id));
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (v_locked) ORDER BY s.sale_id FOR UPDATE;
    v_now := clock_us ();
    FOR i IN 1 .. cardinality (a_rid) LOOP
        v_code := 8;
        v_payment := NULL;
        SELECT o.user_id, o.status, o.quantity * o.price_cents AS amount_cents INTO v_order FROM orders o
        WHERE o.rid = a_rid[i] AND o.sale_id + 0 = v_sale[i];
        IF FOUND AND v_order.user_id = a_user_id[i] AND v_sale[i] = ANY (v_locked) THEN
            SELECT p.* INTO v_payment FROM payment p WHERE p.rid = a_rid[i] AND p.sale_id + 0 = v_sale[i] AND p.key = a_key[i];
            IF FOUND THEN
                v_code := CASE WHEN v_payment.method = a_method[i] AND v_payment.outcome = a_outcome[i] THEN 0 ELSE 31 END;
            ELSIF v_order.status <> 2 THEN
                v_code := 35;
            ELSIF (SELECT count (*) FROM payment p WHERE p.rid = a_rid[i] AND p.sale_id + 0 = v_sale[i]) >= 50 THEN
                v_code := 34;
            ELSIF a_key[i] = '' THEN
                v_code := 17;
            ELSE
                v_code := 31;
                INSERT INTO payment AS p (payment_id, sale_id, rid, key, method, outcome, amount_cents, status, created_us,
                                          changed_us, send_us)
                VALUES (a_payment_id[i], v_sale[i], a_rid[i], a_key[i], a_method[i], a_outcome[i], v_order.amount_cents, 1, v_now,
                        v_now, v_now + 3000000)
                ON CONFLICT DO NOTHING RETURNING p.* INTO v_payment;
                IF FOUND THEN
                    v_code := 0;
                    INSERT INTO order_move (rid, at_us, event, actor) VALUES (a_rid[i], v_now, 'payment_created', 'shopper');
                END IF;
            END IF;
        END IF;
        IF v_code = 0 THEN
            RETURN QUERY VALUES (v_payment.payment_id, v_payment.rid, v_payment.sale_id, v_payment.status, v_payment.amount_cents,
                                 v_payment.created_us, v_payment.changed_us, 0::bigint, v_payment.outcome);
        ELSE
            RETURN QUERY VALUES (a_payment_id[i], a_rid[i], v_sale[i], 0::bigint, 0::bigint, 0::bigint, 0::bigint, v_code, ''::text);
        END IF;
    END LOOP;
END
$$;

-- What providers say. An event is taken once, by its name; each may come twice, late, and in any order. The first rule that applies:
--
--  1. the event was taken                              0, nothing
--  2. it says nothing that can be (outcome, name)      17 (invalid field)
--  3. no such payment                                  50 (busy): kept in payment_unmatched, of which there are at most 10,000, to come again
--  4. another order or amount than the payment's       17
--  5. captured   pending, declined                     the order waits for payment: captured, and the order is paid; otherwise (paid by
--                                                      another payment, or final) refund_due: the money moved, and nobody wants it
--                captured, refund_due, refunded        nothing
--  6. declined   pending                               declined
--                any other                             nothing: money that moved is not argued away
--  7. refunded   refund_due                            refunded
--                captured                              refunded, and the paid order too: its units come back
--                pending, declined                     refunded: its capture was overtaken, and will find it so (rule 5)
--
-- `status` and `order_status` are what the payment and the order have just become, 0 if they did not move.
CREATE FUNCTION payment_event_take (
    a_event_id text[], a_payment_id bytea[], a_rid bytea[], a_outcome bigint[], a_amount_cents bigint[])
RETURNS TABLE (code bigint, status bigint, order_status bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_locked bigint[];
    v_payment payment;
    v_from bigint; -- of the order
    v_to bigint; -- of the payment, 0 = stays
    v_order_to bigint;
    v_now bigint;
    v_unmatched bigint; -- rows of payment_unmatched, NULL = not counted yet
BEGIN
    v_locked := ARRAY (SELECT DISTINCT p.sale_id FROM payment p WHERE p.payment_id = ANY (a_payment_id));
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (v_locked) ORDER BY s.sale_id FOR UPDATE;
    v_now := clock_us ();
    FOR i IN 1 .. cardinality (a_event_id) LOOP
        PERFORM FROM payment_event e WHERE e.event_id = a_event_id[i];
        IF FOUND THEN
            RETURN QUERY VALUES (0::bigint, 0::bigint, 0::bigint);
            CONTINUE;
        END IF;
        IF a_outcome[i] NOT IN (2, 3, 5) OR a_event_id[i] = '' OR a_amount_cents[i] < 0 THEN
            RETURN QUERY VALUES (17::bigint, 0::bigint, 0::bigint);
            CONTINUE;
        END IF;
        SELECT p.* INTO v_payment FROM payment p WHERE p.payment_id = a_payment_id[i];
        IF NOT FOUND OR v_payment.sale_id <> ALL (v_locked) THEN
            v_unmatched := coalesce (v_unmatched, (SELECT count (*) FROM (SELECT FROM payment_unmatched LIMIT 10000) u));
            IF v_payment.payment_id IS NULL AND v_unmatched < 10000 THEN
                INSERT INTO payment_unmatched (event_id, payment_id, rid, outcome, amount_cents, at_us)
                VALUES (a_event_id[i], a_payment_id[i], a_rid[i], a_outcome[i], a_amount_cents[i], v_now)
                ON CONFLICT DO NOTHING;
                v_unmatched := v_unmatched + CASE WHEN FOUND THEN 1 ELSE 0 END;
            END IF;
            RETURN QUERY VALUES (50::bigint, 0::bigint, 0::bigint);
            CONTINUE;
        END IF;
        IF v_payment.rid <> a_rid[i] OR v_payment.amount_cents <> a_amount_cents[i] THEN
            RETURN QUERY VALUES (17::bigint, 0::bigint, 0::bigint);
            CONTINUE;
        END IF;
        INSERT INTO payment_event (event_id, payment_id, outcome, amount_cents, at_us)
        VALUES (a_event_id[i], a_payment_id[i], a_outcome[i], a_amount_cents[i], v_now);
        DELETE FROM payment_unmatched u WHERE u.event_id = a_event_id[i];
        SELECT o.status INTO v_from FROM orders o WHERE o.rid = a_rid[i] AND o.sale_id + 0 = v_payment.sale_id;
        v_to := CASE WHEN a_outcome[i] = 2 AND v_payment.status IN (1, 3) THEN CASE v_from WHEN 2 THEN 2 ELSE 4 END
                     WHEN a_outcome[i] = 3 AND v_payment.status = 1 THEN 3
                     WHEN a_outcome[i] = 5 AND v_payment.status <> 5 THEN 5
                     ELSE 0 END;
        v_order_to := CASE WHEN v_to = 2 THEN 3 WHEN v_to = 5 AND v_payment.status = 2 AND v_from = 3 THEN 7 ELSE 0 END;
        IF v_to <> 0 THEN
            UPDATE payment p SET status = v_to, changed_us = v_now, send_us = CASE v_to WHEN 4 THEN v_now ELSE 0 END, sent_count = 0
            WHERE p.payment_id = a_payment_id[i];
            INSERT INTO order_move (rid, at_us, event, actor)
            VALUES (a_rid[i], v_now, (ARRAY['', 'payment_captured', 'payment_declined', 'payment_refund_due', 'payment_refunded'])[v_to],
                    'provider');
        END IF;
        IF v_order_to = 3 THEN
            UPDATE orders o SET status = 3, changed_us = v_now, actor = 'provider'
            WHERE o.rid = a_rid[i] AND o.sale_id + 0 = v_payment.sale_id;
            INSERT INTO order_move (rid, at_us, event, actor) VALUES (a_rid[i], v_now, 'paid', 'provider');
        ELSIF v_order_to = 7 THEN
            PERFORM order_finish (ARRAY[v_payment.sale_id], ARRAY[a_rid[i]], 3, 7, 'refunded', ARRAY['provider'], ARRAY[''], v_now);
        END IF;
        RETURN QUERY VALUES (0::bigint, v_to, v_order_to);
    END LOOP;
END
$$;

-- What a provider is to be told (again), up to `limit`: no rows if the token, unless 0, is not the highest of the lease `scheduler`. The next
-- time is twice as far away, from 2 s to a minute. Refunds are told until the provider says refunded; charges 20 times at most, and only
-- while the order waits for payment. Two callers at once take different rows; only the times change, so no sale is locked.
CREATE FUNCTION payment_due (a_sale_id bigint[], a_token bigint[], a_limit bigint[])
RETURNS TABLE (payment_id bytea, rid bytea, amount_cents bigint, refund bigint, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := clock_us ();
BEGIN
    IF a_token[1] <> 0 AND NOT lease_is_held ('scheduler', a_token[1]) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT p.payment_id, p.rid, p.sale_id, p.status, p.sent_count FROM payment p
        WHERE p.send_us > 0 AND p.send_us <= v_now
        ORDER BY p.send_us LIMIT page_rows (a_limit[1]) FOR UPDATE SKIP LOCKED
    ), decided AS (
        SELECT due.*, status = 4 OR (status = 1 AND sent_count < 20 AND
                                     (SELECT o.status FROM orders o WHERE o.rid = due.rid AND o.sale_id + 0 = due.sale_id) = 2) AS is_sent
        FROM due
    ), told AS (
        UPDATE payment p SET sent_count = p.sent_count + CASE WHEN d.is_sent THEN 1 ELSE 0 END,
                             send_us = CASE WHEN d.is_sent THEN v_now + least (2000000 << least (p.sent_count, 5)::int, 60000000) ELSE 0 END
        FROM decided d WHERE p.payment_id = d.payment_id
        RETURNING p.payment_id, p.rid, p.amount_cents, p.status, p.outcome, d.is_sent
    )
    SELECT payment_id, rid, amount_cents, CASE status WHEN 4 THEN 1 ELSE 0 END::bigint, outcome FROM told WHERE is_sent;
END
$$;

-- ---------------------------------------------------------------- questions

-- The orders that a question is about: the one of its rid, or, without one, those that order_list answers.
CREATE FUNCTION order_asked (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF order_row LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF a_rid[1] = decode (repeat ('00', 16), 'hex') THEN
        RETURN QUERY SELECT o.* FROM order_list (a_sale_id, a_rid, a_user_id, a_operator, a_after, a_limit, a_actor) o;
    ELSE
        RETURN QUERY SELECT o.* FROM order_get (a_sale_id[1:1], a_rid[1:1], a_user_id[1:1], a_operator[1:1], a_after[1:1], a_limit[1:1],
                                                a_actor[1:1]) o;
    END IF;
END
$$;

-- Rows of one order in a list: together they fit one message of 256, and one order alone has all of it.
CREATE FUNCTION rows_per_order (orders bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT greatest (1, 256 / greatest (1, orders)) $$;

-- Oldest first; of an order with too many for the page its newest.
CREATE FUNCTION payment_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (payment_id bytea, rid bytea, sale_id bigint, status bigint, amount_cents bigint, created_us bigint, changed_us bigint,
               code bigint, outcome text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    WITH asked AS MATERIALIZED (
        SELECT o.rid, o.sale_id, count (*) OVER () AS orders
        FROM order_asked (a_sale_id, a_rid, a_user_id, a_operator, a_after, a_limit, a_actor) o)
    SELECT p.payment_id, p.rid, p.sale_id, p.status, p.amount_cents, p.created_us, p.changed_us, 0::bigint, p.outcome
    FROM asked
    CROSS JOIN LATERAL (SELECT * FROM payment l WHERE l.rid = asked.rid AND l.sale_id + 0 = asked.sale_id
                        ORDER BY l.place DESC LIMIT rows_per_order (asked.orders)) p
    ORDER BY p.place
$$;

-- Likewise. An order's row was made by order_write (pending_payment, or rejected by its guard), unless the first move of it says otherwise.
CREATE FUNCTION moment_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (rid bytea, at_us bigint, event text, actor text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    WITH asked AS MATERIALIZED (
        SELECT o.rid, o.status, o.committed_us, count (*) OVER () AS orders
        FROM order_asked (a_sale_id, a_rid, a_user_id, a_operator, a_after, a_limit, a_actor) o)
    SELECT asked.rid, m.at_us, m.event, m.actor
    FROM asked
    CROSS JOIN LATERAL (
        SELECT n.* FROM (
            SELECT l.place, l.at_us, l.event, l.actor FROM order_move l WHERE l.rid = asked.rid
            UNION ALL
            SELECT 0, asked.committed_us, CASE asked.status WHEN 6 THEN 'rejected' ELSE 'pending_payment' END, 'ordering'
            WHERE NOT EXISTS (SELECT FROM order_move f WHERE f.rid = asked.rid AND f.at_us = asked.committed_us
                              AND f.event IN ('cancelled', 'rejected'))) n
        ORDER BY n.place DESC LIMIT rows_per_order (asked.orders)) m
    ORDER BY m.at_us, m.place
$$;

GRANT EXECUTE ON FUNCTION order_cancel, order_expire, order_reject, payment_create, payment_event_take, payment_due, payment_list,
    moment_list, lease_take TO minishop_ordering;

RESET ROLE;
