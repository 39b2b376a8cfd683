-- Edits, stock changes, dead letters that become orders after all, clean-up of archived gates: more of inventory.
--
-- 13. A stock change has one fate, by its op_id. More: total rises first, stamped with the epoch of that moment; the gate of that epoch gets
--     it by a step of its own, any later gate was built with it. Less: the gate gives the units up first, and total falls in the same
--     epoch only; the gate of a later epoch was built without it and is asked again. So available + held ≤ total at every moment.
-- 14. A letter that is requeueing has a mark once no release_box row of its rid is left: the number of the attempt, of the same sequence as
--     release_box.place. Rows of the rid above it are of no effect: they are not listed while it is requeueing, and the end of the
--     attempt decides alone whether the gate holds the rid. Every attempt has its own mark, so a late copy of an earlier one does nothing.
-- 15. What only the leader may do asks lease_is_held after it has the rows that it needs.

SET ROLE minishop_owner;

ALTER TABLE dead_letter ADD COLUMN mark bigint NOT NULL DEFAULT 0; -- of the attempt under way; 0 = none yet
ALTER TABLE sale ADD COLUMN dropped_epoch bigint NOT NULL DEFAULT 0; -- the gate of this epoch was removed from Redis
CREATE INDEX sale_not_dropped ON sale (sale_id) WHERE dropped_epoch < epoch;

-- ---------------------------------------------------------------- words for the log

-- At most 200 bytes, in whole characters: what admin_log takes.
CREATE FUNCTION log_words (a_text text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text := left (a_text, 200);
BEGIN
    WHILE octet_length (v_text) > 200 LOOP
        v_text := left (v_text, -greatest ((octet_length (v_text) - 200) / 4, 1));
    END LOOP;
    RETURN v_text;
END
$$;

CREATE FUNCTION log_write (a_who text, a_action text, a_target text, a_before text, a_after text)
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO admin_log (at_ms, who, action, target, before, after)
    VALUES (clock_us () / 1000, CASE a_who WHEN '' THEN 'operator' ELSE a_who END, a_action, a_target, log_words (a_before),
            log_words (a_after))
$$;

-- Long values are shown by their beginning, so that several fields find room in one line.
CREATE FUNCTION log_value (a_text text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN length (a_text) > 40 THEN left (a_text, 39) || '…' ELSE a_text END $$;

CREATE FUNCTION log_add (
    a_place bigint[], a_at_ms bigint[], a_who text[], a_action text[], a_target text[], a_before text[], a_after text[])
RETURNS TABLE (code bigint, detail text, retry_after_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOR i IN 1 .. cardinality (a_who) LOOP
        PERFORM log_write (a_who[i], a_action[i], a_target[i], a_before[i], a_after[i]);
    END LOOP;
    RETURN QUERY VALUES (0::bigint, '', 0::bigint);
END
$$;

-- ---------------------------------------------------------------- edits

-- Over for good: an operator ended it, or its time has passed. (A draft has no time yet.)
CREATE FUNCTION sale_is_over (s sale) RETURNS boolean LANGUAGE sql VOLATILE AS
    $$ SELECT s.state = 4 OR (s.state IN (2, 3) AND clock_us () / 1000 >= s.ends_at_ms) $$;

-- What of a row another one changes: names with old and with new values, NULL if nothing.
CREATE FUNCTION sale_difference (s sale, a_total bigint, n sale, a_new_total bigint, OUT before text, OUT after text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg (f.name || '=' || log_value (f.old_value), ', ' ORDER BY f.bit),
           string_agg (f.name || '=' || log_value (f.new_value), ', ' ORDER BY f.bit)
    FROM (VALUES (1, 'title', s.title, n.title), (2, 'description', s.description, n.description),
                 (4, 'image_url', s.image_url, n.image_url), (8, 'price_cents', s.price_cents::text, n.price_cents::text),
                 (16, 'ends_at_ms', s.ends_at_ms::text, n.ends_at_ms::text), (32, 'product_id', s.product_id, n.product_id),
                 (64, 'list_price_cents', s.list_price_cents::text, n.list_price_cents::text),
                 (128, 'currency', s.currency, n.currency), (256, 'stock_total', a_total::text, a_new_total::text),
                 (512, 'starts_at_ms', s.starts_at_ms::text, n.starts_at_ms::text),
                 (1024, 'per_user_limit', s.per_user_limit::text, n.per_user_limit::text),
                 (2048, 'pay_within_s', s.pay_within_s::text, n.pay_within_s::text)) AS f (bit, name, old_value, new_value)
    WHERE f.old_value <> f.new_value
$$;

-- The fields of `mask` (SALE_HAS_…). A draft: all of them. Published and not over: only 1 … 16. Again, or nothing new: the row as it is.
-- No row: no such sale, not allowed in its state, or values that the checks of the tables refuse. An end of a published sale
-- that lies in the past is now: 24 h after its end a sale is archived, and for so long the keys of its purchases have their answers.
CREATE FUNCTION sale_edit (
    a_sale_id bigint[], a_version bigint[], a_state bigint[], a_product_id text[], a_title text[], a_description text[],
    a_image_url text[], a_price_cents bigint[], a_list_price_cents bigint[], a_currency text[], a_stock_total bigint[],
    a_stock_left bigint[], a_starts_at_ms bigint[], a_ends_at_ms bigint[], a_per_user_limit bigint[], a_pay_within_s bigint[],
    a_epoch bigint[], a_recovering bigint[], a_sold bigint[], a_mask bigint[], a_actor text[])
RETURNS SETOF sale_row LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_sale sale;
    v_new sale;
    v_total bigint;
    v_new_total bigint;
    v_before text;
    v_after text;
    m bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_sale_id) LOOP
        m := a_mask[i];
        SELECT s.* INTO v_sale FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        CONTINUE WHEN NOT FOUND OR sale_is_over (v_sale) OR (v_sale.state <> 1 AND m & ~31 <> 0);
        SELECT k.total INTO v_total FROM sale_sku k WHERE k.sale_id = a_sale_id[i];
        v_new := v_sale;
        v_new_total := CASE WHEN m & 256 <> 0 THEN a_stock_total[i] ELSE v_total END;
        IF m & 1 <> 0 THEN v_new.title := a_title[i]; END IF;
        IF m & 2 <> 0 THEN v_new.description := a_description[i]; END IF;
        IF m & 4 <> 0 THEN v_new.image_url := a_image_url[i]; END IF;
        IF m & 8 <> 0 THEN v_new.price_cents := a_price_cents[i]; END IF;
        IF m & 16 <> 0 THEN
            v_new.ends_at_ms := a_ends_at_ms[i];
            IF v_sale.state <> 1 AND v_new.ends_at_ms > v_sale.starts_at_ms THEN
                v_new.ends_at_ms := greatest (v_new.ends_at_ms, clock_us () / 1000);
            END IF;
        END IF;
        IF m & 32 <> 0 THEN v_new.product_id := a_product_id[i]; END IF;
        IF m & 64 <> 0 THEN v_new.list_price_cents := a_list_price_cents[i]; END IF;
        IF m & 128 <> 0 THEN v_new.currency := a_currency[i]; END IF;
        IF m & 512 <> 0 THEN v_new.starts_at_ms := a_starts_at_ms[i]; END IF;
        IF m & 1024 <> 0 THEN v_new.per_user_limit := a_per_user_limit[i]; END IF;
        IF m & 2048 <> 0 THEN v_new.pay_within_s := a_pay_within_s[i]; END IF;
        SELECT d.before, d.after INTO v_before, v_after FROM sale_difference (v_sale, v_total, v_new, v_new_total) d;
        IF v_before IS NOT NULL THEN
            BEGIN
                UPDATE sale s
                SET version = s.version + 1, title = v_new.title, description = v_new.description, image_url = v_new.image_url,
                    price_cents = v_new.price_cents, ends_at_ms = v_new.ends_at_ms, product_id = v_new.product_id,
                    list_price_cents = v_new.list_price_cents, currency = v_new.currency, starts_at_ms = v_new.starts_at_ms,
                    per_user_limit = v_new.per_user_limit, pay_within_s = v_new.pay_within_s
                WHERE s.sale_id = a_sale_id[i];
                UPDATE sale_sku k SET total = v_new_total WHERE k.sale_id = a_sale_id[i] AND k.total <> v_new_total;
            EXCEPTION WHEN check_violation THEN
                CONTINUE;
            END;
            PERFORM log_write (a_actor[i], 'sale_edit', 'sale ' || a_sale_id[i], v_before, v_after);
        END IF;
        RETURN QUERY SELECT r.* FROM sale_row r WHERE r.sale_id = a_sale_id[i];
    END LOOP;
END
$$;

-- ---------------------------------------------------------------- stock

-- Result of an operation: record `stock_op`. A refused one is refused for ever under its name.
CREATE FUNCTION stock_op_row (o stock_op, a_code bigint, OUT sale_id bigint, OUT epoch bigint, OUT token bigint, OUT op_id bytea,
                              OUT taking bigint, OUT units bigint, OUT state bigint, OUT code bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT o.sale_id, o.epoch, 0::bigint, o.op_id, (o.delta < 0)::int::bigint, abs (o.delta), o.state,
           CASE WHEN a_code = 0 AND o.state = 3 THEN 35 ELSE a_code END
$$;

-- The caller has the row of the sale.
CREATE FUNCTION stock_count (o stock_op) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_total bigint;
BEGIN
    UPDATE sale_sku k SET total = k.total + o.delta WHERE k.sale_id = o.sale_id RETURNING k.total INTO v_total;
    UPDATE sale s SET version = s.version + 1 WHERE s.sale_id = o.sale_id;
    PERFORM log_write (o.actor, 'sale_stock', 'sale ' || o.sale_id, 'stock_total=' || v_total - o.delta,
                       'stock_total=' || v_total || CASE o.reason WHEN '' THEN '' ELSE ': ' || o.reason END);
END
$$;

-- Begins a change, or says how far the one of this name is; asking again is how one that was interrupted goes on:
--
--      known, other sale or delta        idempotency_mismatch
--      known, done or refused            as it is
--      begun, the sale is archived       its gate is not needed any more: more is done, less is refused
--      begun, more, of a former epoch    done: the present gate was built with it
--      begun, less, of a former epoch    of the present one from now on: its gate does not have it yet
--      new; over, or beyond the bounds   refused
--      new, a draft                      done: there is no gate
--      new, more                         total rises; begun
--      new, less                         begun, and nothing else: the gate may have sold the units
CREATE FUNCTION stock_begin (a_sale_id bigint[], a_op_id bytea[], a_delta bigint[], a_reason text[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, op_id bytea, taking bigint, units bigint, state bigint, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sale sale;
    v_sku sale_sku;
    v_op stock_op;
BEGIN
    FOR i IN 1 .. cardinality (a_op_id) LOOP
        SELECT s.* INTO v_sale FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT k.* INTO v_sku FROM sale_sku k WHERE k.sale_id = a_sale_id[i];
        SELECT o.* INTO v_op FROM stock_op o WHERE o.op_id = a_op_id[i];
        IF NOT FOUND THEN
            v_op := ROW (a_op_id[i], a_sale_id[i], a_delta[i], v_sale.epoch, a_reason[i], a_actor[i],
                         CASE WHEN sale_is_over (v_sale) OR v_sku.total + a_delta[i] NOT BETWEEN v_sku.sold AND 10000000 THEN 3
                              WHEN v_sale.state = 1 THEN 2 ELSE 1 END, clock_us ());
            INSERT INTO stock_op SELECT (v_op).* ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN -- of another sale, at this very moment
                RETURN QUERY SELECT r.* FROM stock_op_row (v_op, 31) r;
                CONTINUE;
            END IF;
            IF v_op.state = 2 OR (v_op.state = 1 AND v_op.delta > 0) THEN
                PERFORM stock_count (v_op);
            END IF;
        ELSIF v_op.sale_id <> a_sale_id[i] OR v_op.delta <> a_delta[i] THEN
            RETURN QUERY SELECT r.* FROM stock_op_row (v_op, 31) r;
            CONTINUE;
        ELSIF v_op.state = 1 THEN
            v_op.state := CASE WHEN sale_is_archived (v_sale) THEN CASE WHEN v_op.delta > 0 THEN 2 ELSE 3 END
                               WHEN v_op.delta > 0 AND v_op.epoch < v_sale.epoch THEN 2 ELSE 1 END;
            IF v_op.delta < 0 THEN
                v_op.epoch := v_sale.epoch;
            END IF;
            UPDATE stock_op o SET state = v_op.state, epoch = v_op.epoch WHERE o.op_id = v_op.op_id;
        END IF;
        RETURN QUERY SELECT r.* FROM stock_op_row (v_op, 0) r;
    END LOOP;
END
$$;

-- Takes over what the gate of `epoch` answered: code 0 = it has the change (or, more, is of a later epoch), anything else = refused. Of less
-- an answer of another epoch's gate, a refusal too, says nothing (72): the present one is asked, and may have given the units up by now.
CREATE FUNCTION stock_done (
    a_sale_id bigint[], a_epoch bigint[], a_token bigint[], a_op_id bytea[], a_taking bigint[], a_units bigint[], a_state bigint[],
    a_code bigint[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, op_id bytea, taking bigint, units bigint, state bigint, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sale sale;
    v_op stock_op;
    v_code bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_op_id) LOOP
        SELECT s.* INTO v_sale FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        SELECT o.* INTO v_op FROM stock_op o WHERE o.op_id = a_op_id[i] AND o.sale_id = a_sale_id[i];
        CONTINUE WHEN NOT FOUND;
        v_code := 0;
        IF v_op.state = 1 AND NOT lease_is_held ('inventory', a_token[i]) THEN
            v_code := 73;
        ELSIF v_op.state = 1 AND v_op.delta < 0 AND v_sale.epoch <> a_epoch[i] THEN
            v_code := 72;
        ELSIF v_op.state = 1 THEN
            v_op.state := CASE WHEN a_code[i] = 0 OR v_op.delta > 0 THEN 2 ELSE 3 END;
            UPDATE stock_op o SET state = v_op.state WHERE o.op_id = v_op.op_id;
            IF v_op.delta < 0 AND v_op.state = 2 THEN
                PERFORM stock_count (v_op);
            END IF;
        END IF;
        RETURN QUERY SELECT r.* FROM stock_op_row (v_op, v_code) r;
    END LOOP;
END
$$;

CREATE FUNCTION stock_pending (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, op_id bytea, taking bigint, units bigint, state bigint, code bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.* FROM stock_op o CROSS JOIN LATERAL stock_op_row (o, 0) r
    WHERE o.state = 1 ORDER BY o.at_us, o.op_id LIMIT page_rows (a_limit[1])
$$;

-- ---------------------------------------------------------------- dead letters

CREATE FUNCTION dead_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (place bigint, sale_id bigint, epoch bigint, entry_ms bigint, entry_seq bigint, rid bytea, user_id bigint,
               quantity bigint, price_cents bigint, sequence bigint, reserved_us bigint, pay_before_us bigint, body_hash bigint,
               trace_id bytea, reason text, attempts bigint, at_us bigint, state bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.place, d.sale_id, d.epoch, d.entry_ms, d.entry_seq, d.rid, d.user_id, d.quantity, d.price_cents, d.sequence,
           d.reserved_us, d.pay_before_us, d.body_hash, d.trace_id, d.reason, d.attempts, d.at_us, d.state
    FROM dead_letter d
    WHERE d.state <= 2 AND (a_after[1] = 0 OR d.place < a_after[1])
    ORDER BY d.place DESC LIMIT page_rows (a_limit[1])
$$;

-- Open → discarded; again: done. One that is requeueing or requeued is an order, or may become one.
CREATE FUNCTION dead_discard (a_place bigint[], a_requeue bigint[], a_actor text[])
RETURNS TABLE (code bigint, detail text, retry_after_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_state bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_place) LOOP
        SELECT d.state INTO v_state FROM dead_letter d WHERE d.place = a_place[i] FOR UPDATE;
        IF NOT FOUND THEN
            RETURN QUERY VALUES (8::bigint, '', 0::bigint);
            CONTINUE;
        END IF;
        IF v_state = 1 THEN
            UPDATE dead_letter d SET state = 4, actor = a_actor[i], changed_us = clock_us () WHERE d.place = a_place[i];
            PERFORM log_write (a_actor[i], 'dead_discard', 'dead letter ' || a_place[i], 'open', 'discarded');
        END IF;
        RETURN QUERY VALUES (CASE WHEN v_state IN (1, 4) THEN 0 ELSE 35 END::bigint, '', 0::bigint);
    END LOOP;
END
$$;

-- Record `readmission` of a letter.
CREATE FUNCTION readmission_row (d dead_letter, a_epoch bigint, a_code bigint, OUT sale_id bigint, OUT epoch bigint, OUT token bigint,
                                 OUT rid bytea, OUT mark bigint, OUT letter bigint, OUT state bigint, OUT code bigint)
LANGUAGE sql IMMUTABLE AS
    $$ SELECT d.sale_id, a_epoch, 0::bigint, d.rid, d.mark, d.place, d.state, a_code $$;

-- Begins a requeue (1), or the next attempt of one (1 or 2; see 14); asking again is how one that was interrupted goes on. 2 is not the
-- operator's wish but its carrying on: a late copy of that does not begin anew what was decided meanwhile.
--
--      requeued                                                            as it is
--      discarded; open, but nothing was rejected that could be readmitted  invalid_state
--      open, and only to be carried on                                     recovering: ask for it again
--      the sale is archived: its gate is not needed any more               invalid_state, and open again
--      a release of the rid is on its way to the gate                      busy, and requeueing
--      else                                                                requeueing, with a new mark
CREATE FUNCTION dead_begin (a_place bigint[], a_requeue bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, rid bytea, mark bigint, letter bigint, state bigint, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sale sale;
    v_letter dead_letter;
    v_code bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_place) LOOP
        SELECT s.* INTO v_sale FROM sale s JOIN dead_letter d USING (sale_id) WHERE d.place = a_place[i] FOR UPDATE OF s;
        SELECT d.* INTO v_letter FROM dead_letter d WHERE d.place = a_place[i] FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        v_code := 0;
        IF v_letter.state = 1 THEN -- the operator who wants it, for order, timeline and log
            v_letter.actor := CASE a_actor[i] WHEN '' THEN 'operator' ELSE a_actor[i] END;
        END IF;
        IF v_letter.state = 4 OR v_sale.sale_id IS NULL
           OR (v_letter.state = 1 AND NOT EXISTS (SELECT FROM orders o WHERE o.rid = v_letter.rid
                                                  AND o.sale_id + 0 = v_letter.sale_id AND o.status = 6)) THEN
            v_code := 35;
        ELSIF v_letter.state = 1 AND a_requeue[i] <> 1 THEN
            v_code := 52;
        ELSIF v_letter.state <> 3 AND sale_is_archived (v_sale) THEN
            v_code := 35;
            v_letter.state := 1;
            v_letter.mark := 0;
        ELSIF v_letter.state <> 3 THEN
            v_letter.state := 2;
            IF v_letter.mark > 0 THEN -- rows above the mark, which nobody lists
                DELETE FROM release_box b WHERE b.sale_id = v_letter.sale_id AND b.rid = v_letter.rid;
            END IF;
            IF EXISTS (SELECT FROM release_box b WHERE b.sale_id = v_letter.sale_id AND b.rid = v_letter.rid) THEN
                v_code := 50;
            ELSE
                v_letter.mark := nextval (pg_get_serial_sequence ('release_box', 'place')::regclass);
            END IF;
        END IF;
        UPDATE dead_letter d SET state = v_letter.state, mark = v_letter.mark, actor = v_letter.actor, changed_us = clock_us ()
        WHERE d.place = a_place[i] AND (d.state, d.mark) <> (v_letter.state, v_letter.mark);
        RETURN QUERY SELECT r.* FROM readmission_row (v_letter, coalesce (v_sale.epoch, 0), v_code) r;
    END LOOP;
END
$$;

CREATE FUNCTION dead_pending (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, rid bytea, mark bigint, letter bigint, state bigint, code bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.* FROM dead_letter d JOIN sale s USING (sale_id) CROSS JOIN LATERAL readmission_row (d, s.epoch, 0) r
    WHERE d.state = 2 ORDER BY d.changed_us, d.place LIMIT page_rows (a_limit[1])
$$;

-- Ends an attempt by what the gate of `epoch` answered. Code 0 = it holds the rid: the order becomes pending, or, if PostgreSQL cannot have it,
-- a release_box row gives the hold back. Any other = it does not hold it. Nothing happens if the letter is not requeueing by this
-- attempt (72, or 0 if it is requeued) or the gate is not of the present epoch (72).
CREATE FUNCTION order_readmit (
    a_sale_id bigint[], a_epoch bigint[], a_token bigint[], a_rid bytea[], a_mark bigint[], a_letter bigint[], a_state bigint[],
    a_code bigint[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, rid bytea, mark bigint, letter bigint, state bigint, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sale sale;
    v_letter dead_letter;
    v_order orders;
    v_code bigint;
    v_now bigint;
BEGIN
    FOR i IN 1 .. cardinality (a_letter) LOOP
        SELECT s.* INTO v_sale FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        SELECT d.* INTO v_letter FROM dead_letter d WHERE d.place = a_letter[i] AND d.sale_id = a_sale_id[i] FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT o.* INTO v_order FROM orders o WHERE o.rid = v_letter.rid AND o.sale_id + 0 = v_letter.sale_id;
        v_now := clock_us ();
        v_code := CASE WHEN v_letter.state = 3 THEN 0
                       WHEN NOT lease_is_held ('inventory', a_token[i]) THEN 73
                       WHEN v_letter.state <> 2 OR v_letter.mark <> a_mark[i] OR v_sale.epoch <> a_epoch[i] THEN 72
                       WHEN a_code[i] = 8 THEN 35
                       WHEN a_code[i] <> 0 THEN a_code[i]
                       WHEN v_order.status IS DISTINCT FROM 6 THEN 35
                       WHEN EXISTS (SELECT FROM orders a WHERE a.user_id = v_order.user_id AND a.sale_id + 0 = v_order.sale_id
                                    AND a.status IN (2, 3)) THEN 32
                       WHEN v_order.quantity > (SELECT k.total - k.sold FROM sale_sku k WHERE k.sale_id = v_sale.sale_id) THEN 33
                       ELSE 0 END;
        IF v_letter.state <> 3 AND v_code NOT IN (72, 73) THEN
            -- a row of the rid is above the mark and nobody's: what the gate is to do is decided here
            DELETE FROM release_box b WHERE b.sale_id = v_letter.sale_id AND b.rid = v_letter.rid;
            IF v_code = 0 THEN
                PERFORM order_readmitted (v_order, v_letter.actor, v_sale.pay_within_s, v_now);
                v_letter.state := 3;
                PERFORM log_write (v_letter.actor, 'dead_requeue', 'dead letter ' || v_letter.place, 'rejected', 'pending_payment');
            ELSE
                IF a_code[i] = 0 AND v_order.status IS NOT NULL AND v_order.status NOT IN (2, 3) THEN
                    INSERT INTO release_box (sale_id, rid, units) VALUES (v_order.sale_id, v_order.rid, v_order.quantity);
                END IF;
                v_letter.state := 1;
            END IF;
            v_letter.mark := 0;
            UPDATE dead_letter d SET state = v_letter.state, mark = 0, changed_us = v_now WHERE d.place = v_letter.place;
        END IF;
        RETURN QUERY SELECT r.* FROM readmission_row (v_letter, v_sale.epoch, v_code) r;
    END LOOP;
END
$$;

-- The order of a rejected rid is one after all; it has its whole time to pay.
CREATE FUNCTION order_readmitted (o orders, a_actor text, a_pay_within_s bigint, a_now bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE orders r SET status = 2, final_epoch = 0, reason = '', actor = a_actor, changed_us = a_now,
                        pay_before_us = a_now + a_pay_within_s * 1000000
    WHERE r.rid = o.rid AND r.sale_id = o.sale_id;
    INSERT INTO ledger (sale_id, rid, kind, units, at_us) VALUES (o.sale_id, o.rid, 'ALLOC', o.quantity, a_now);
    UPDATE sale_sku k SET sold = k.sold + o.quantity, sequence = greatest (k.sequence, o.sequence) WHERE k.sale_id = o.sale_id;
    INSERT INTO order_move (rid, at_us, event, actor) VALUES (o.rid, a_now, 'pending_payment', a_actor);
END
$$;

-- ---------------------------------------------------------------- releases: token and place

DROP FUNCTION release_list (bigint[], bytea[], bigint[], bigint[], bigint[], bigint[], text[]);
DROP FUNCTION release_done (bigint[], bigint[], bytea[], bigint[]);

-- Oldest first; sale_id 0 = of all sales. Rows of archived sales come too: their gate is gone, so the relay deletes them. Rows above the
-- mark of a readmission do not (see 14).
CREATE FUNCTION release_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, rid bytea, code bigint, token bigint, place bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.sale_id, s.epoch, b.rid, 0::bigint, 0::bigint, b.place
    FROM release_box b JOIN sale s USING (sale_id)
    WHERE (a_sale_id[1] = 0 OR b.sale_id = a_sale_id[1])
      AND NOT EXISTS (SELECT FROM dead_letter d
                      WHERE d.state = 2 AND d.mark > 0 AND d.mark < b.place AND d.sale_id = b.sale_id AND d.rid = b.rid)
    ORDER BY b.place LIMIT page_rows (a_limit[1])
$$;

-- Code 0 is the gate's final answer. It stays true in every later epoch: the order was final before, so later snapshots have it
-- released. Rows that are gone already are done. A rid may be readmitted and released again: a late copy of this names the place of
-- its row, and finds no other. A former leader's is refused (73).
CREATE FUNCTION release_done (
    a_sale_id bigint[], a_epoch bigint[], a_rid bytea[], a_code bigint[], a_token bigint[], a_place bigint[])
RETURNS TABLE (code bigint, detail text, retry_after_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    IF NOT lease_is_held ('inventory', (SELECT min (t) FROM unnest (a_token) t)) THEN
        RETURN QUERY VALUES (73::bigint, '', 0::bigint);
        RETURN;
    END IF;
    DELETE FROM release_box b USING unnest (a_sale_id, a_rid, a_code, a_place) AS d (sale_id, rid, code, place)
    WHERE b.sale_id = d.sale_id AND b.rid = d.rid AND d.code = 0 AND d.place IN (0, b.place);
    RETURN QUERY VALUES (0::bigint, '', 0::bigint);
END
$$;

-- ---------------------------------------------------------------- books: what is under way

DROP FUNCTION sale_books (bigint[], bytea[], bigint[], bigint[], bigint[], bigint[], text[]);

-- One statement, so one snapshot. The constraints make `duplicated` 0; it is counted from the rows all the same.
CREATE FUNCTION sale_books (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, stock_total bigint, sold bigint, pending_payment bigint, paid bigint, returned bigint,
               "returning" bigint, duplicated bigint, lost_with_disk bigint, active_count bigint, moving bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.sale_id, k.total, k.sold, coalesce (o.pending_payment, 0)::bigint, coalesce (o.paid, 0)::bigint,
           coalesce (l.returned, 0)::bigint, coalesce (b.units, 0)::bigint,
           (coalesce (u.units, 0) + coalesce (l.second_units, 0))::bigint, s.lost_with_disk, coalesce (o.active_count, 0),
           (coalesce (c.units, 0) + coalesce (d.units, 0))::bigint
    FROM sale s JOIN sale_sku k USING (sale_id)
    CROSS JOIN LATERAL (
        SELECT sum (quantity) FILTER (WHERE status = 2) AS pending_payment, sum (quantity) FILTER (WHERE status = 3) AS paid,
               count (*) AS active_count
        FROM orders WHERE orders.sale_id = s.sale_id AND status IN (2, 3)) o
    CROSS JOIN LATERAL (
        SELECT sum (n.units) AS units FROM (
            SELECT sum (quantity) - max (quantity) AS units FROM orders
            WHERE orders.sale_id = s.sale_id AND status IN (2, 3) GROUP BY user_id HAVING count (*) > 1) n) u
    CROSS JOIN LATERAL (
        SELECT sum (n.units) FILTER (WHERE n.kind = 'RETURN') AS returned,
               sum (n.units - n.first_units) FILTER (WHERE n.kind = 'ALLOC') AS second_units
        FROM (SELECT kind, sum (units) AS units, max (units) AS first_units FROM ledger
              WHERE ledger.sale_id = s.sale_id GROUP BY rid, kind) n) l
    CROSS JOIN LATERAL (SELECT sum (units) AS units FROM release_box WHERE release_box.sale_id = s.sale_id) b
    CROSS JOIN LATERAL (
        SELECT sum (abs (delta)) AS units FROM stock_op WHERE stock_op.sale_id = s.sale_id AND stock_op.state = 1) c
    CROSS JOIN LATERAL (
        SELECT sum (quantity) AS units FROM dead_letter WHERE dead_letter.sale_id = s.sale_id AND dead_letter.state = 2) d
    WHERE s.sale_id = ANY (a_sale_id)
$$;

-- ---------------------------------------------------------------- gates of archived sales

CREATE FUNCTION archive_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, rid bytea, epoch bigint, token bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.sale_id, decode (repeat ('00', 16), 'hex'), s.epoch, 0::bigint
    FROM sale s
    WHERE s.dropped_epoch < s.epoch AND s.sale_id > a_after[1] AND s.state <> 1 AND sale_is_archived (s)
    ORDER BY s.sale_id LIMIT page_rows (a_limit[1])
$$;

-- Names the epoch: a gate that was built since then is another.
CREATE FUNCTION archive_done (a_sale_id bigint[], a_rid bytea[], a_epoch bigint[], a_token bigint[])
RETURNS TABLE (code bigint, detail text, retry_after_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM sale s WHERE s.sale_id = ANY (a_sale_id) ORDER BY s.sale_id FOR UPDATE;
    IF NOT lease_is_held ('inventory', (SELECT min (t) FROM unnest (a_token) t)) THEN
        RETURN QUERY VALUES (73::bigint, '', 0::bigint);
        RETURN;
    END IF;
    UPDATE sale s SET dropped_epoch = d.epoch FROM unnest (a_sale_id, a_epoch) AS d (sale_id, epoch)
    WHERE s.sale_id = d.sale_id AND s.dropped_epoch < d.epoch;
    RETURN QUERY VALUES (0::bigint, '', 0::bigint);
END
$$;

GRANT EXECUTE ON FUNCTION sale_edit, stock_begin, stock_done, stock_pending, dead_list, dead_discard, dead_begin, dead_pending,
    order_readmit, release_list, release_done, sale_books, archive_list, archive_done, log_add TO minishop_inventory;

RESET ROLE;
