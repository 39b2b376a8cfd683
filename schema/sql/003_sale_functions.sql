-- Sales, their epochs and books, releases, limits and the operators' log: all of inventory.

SET ROLE minishop_owner;

-- Columns of the record `sale`. stock_left is PostgreSQL's view; the gate's is fresher and replaces it in memory.
CREATE VIEW sale_row AS
    SELECT s.sale_id, s.version, s.state, s.product_id, s.title, s.description, s.image_url, s.price_cents, s.list_price_cents,
           s.currency, k.total AS stock_total, k.total - k.sold AS stock_left, s.starts_at_ms, s.ends_at_ms, s.per_user_limit,
           s.pay_within_s, s.epoch, 0::bigint AS recovering, k.sold
    FROM sale s JOIN sale_sku k USING (sale_id);

CREATE FUNCTION sale_state_word (state bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT (ARRAY['draft', 'open', 'paused', 'ended'])[state] $$;

-- When the gate of a sale is no longer needed: 24 h after its end, for so long a key gives its answer again.
CREATE FUNCTION sale_is_archived (s sale) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT s.state = 1 OR clock_us () / 1000 > 86400000
           + CASE s.ended_at_ms WHEN 0 THEN s.ends_at_ms ELSE least (s.ended_at_ms, s.ends_at_ms) END
$$;

-- ---------------------------------------------------------------- sales

-- Drafts. Asked again after an unknown outcome it makes another draft, which nobody sees and nothing counts.
CREATE FUNCTION sale_create (
    a_sale_id bigint[], a_version bigint[], a_state bigint[], a_product_id text[], a_title text[], a_description text[],
    a_image_url text[], a_price_cents bigint[], a_list_price_cents bigint[], a_currency text[], a_stock_total bigint[],
    a_stock_left bigint[], a_starts_at_ms bigint[], a_ends_at_ms bigint[], a_per_user_limit bigint[], a_pay_within_s bigint[],
    a_epoch bigint[], a_recovering bigint[], a_sold bigint[])
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
        VALUES (clock_us () / 1000, 'operator', 'sale_create', 'sale ' || v_sale_id, '', 'draft');
        RETURN QUERY SELECT r.* FROM sale_row r WHERE r.sale_id = v_sale_id;
    END LOOP;
END
$$;

CREATE FUNCTION sale_load (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF sale_row LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.* FROM sale_row r
    WHERE CASE WHEN a_sale_id[1] <> 0 THEN r.sale_id = a_sale_id[1] ELSE a_after[1] = 0 OR r.sale_id < a_after[1] END
    ORDER BY r.sale_id DESC LIMIT page_rows (a_limit[1])
$$;

CREATE FUNCTION sale_live (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF sale_row LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.* FROM sale_row r JOIN sale s USING (sale_id)
    WHERE r.sale_id > a_after[1] AND NOT sale_is_archived (s)
    ORDER BY r.sale_id LIMIT page_rows (a_limit[1])
$$;

-- The state moves only along these lines; already there is an answer too, so that asking again is harmless.
--      publish (to open, from_draft = 1): draft → open          resume (to open, from_draft = 0): paused → open
--      pause: open → paused                                     end: draft, open, paused → ended
CREATE FUNCTION sale_change (a_sale_id bigint[], a_state bigint[], a_from_draft bigint[], a_actor text[])
RETURNS SETOF sale_row LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_from bigint;
    v_action text;
BEGIN
    FOR i IN 1 .. cardinality (a_sale_id) LOOP
        SELECT s.state INTO v_from FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF v_from <> a_state[i] THEN
            v_action := CASE WHEN a_state[i] = 2 AND a_from_draft[i] = 1 AND v_from = 1 THEN 'sale_publish'
                             WHEN a_state[i] = 2 AND a_from_draft[i] = 0 AND v_from = 3 THEN 'sale_resume'
                             WHEN a_state[i] = 3 AND v_from = 2 THEN 'sale_pause'
                             WHEN a_state[i] = 4 AND v_from IN (1, 2, 3) THEN 'sale_end' END;
            CONTINUE WHEN v_action IS NULL;
            UPDATE sale s SET state = a_state[i], version = s.version + 1,
                              ended_at_ms = CASE a_state[i] WHEN 4 THEN clock_us () / 1000 ELSE 0 END
            WHERE s.sale_id = a_sale_id[i];
            INSERT INTO admin_log (at_ms, who, action, target, before, after)
            VALUES (clock_us () / 1000, a_actor[i], v_action, 'sale ' || a_sale_id[i], sale_state_word (v_from),
                    sale_state_word (a_state[i]));
        END IF;
        RETURN QUERY SELECT r.* FROM sale_row r WHERE r.sale_id = a_sale_id[i];
    END LOOP;
END
$$;

-- ---------------------------------------------------------------- epochs

-- Raises the epoch of a sale and answers the head of the snapshot that the bump takes: from here on order_write refuses what
-- the former gate wrote. Locks in the order of the arguments; the caller bumps one sale at a time or in order of sale_id.
-- The argument's epoch is the one that this bump ends. If another is the present one nothing is changed (code 72, with the present
-- epoch): so a copy that comes late, after its caller has bumped again and opened the gate, cannot end that gate's epoch, whose
-- confirmed reservations order_write would then refuse; and lost_units are counted once.
CREATE FUNCTION epoch_bump (
    a_sale_id bigint[], a_token bigint[], a_code bigint[], a_epoch bigint[], a_sold bigint[], a_stock_total bigint[],
    a_sequence bigint[], a_lost_units bigint[])
RETURNS TABLE (sale_id bigint, token bigint, code bigint, epoch bigint, sold bigint, stock_total bigint, sequence bigint,
               lost_units bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sale sale;
BEGIN
    FOR i IN 1 .. cardinality (a_sale_id) LOOP
        SELECT s.* INTO v_sale FROM sale s WHERE s.sale_id = a_sale_id[i] FOR UPDATE;
        IF NOT FOUND THEN
            RETURN QUERY VALUES (a_sale_id[i], a_token[i], 8::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint);
        ELSIF v_sale.token > a_token[i] THEN
            RETURN QUERY VALUES (a_sale_id[i], v_sale.token, 73::bigint, v_sale.epoch, 0::bigint, 0::bigint, 0::bigint, 0::bigint);
        ELSIF v_sale.epoch <> a_epoch[i] THEN
            RETURN QUERY VALUES (a_sale_id[i], v_sale.token, 72::bigint, v_sale.epoch, 0::bigint, 0::bigint, 0::bigint, 0::bigint);
        ELSE
            UPDATE sale s
            SET epoch = s.epoch + 1, token = a_token[i], lost_with_disk = s.lost_with_disk + a_lost_units[i]
            WHERE s.sale_id = a_sale_id[i];
            RETURN QUERY
            SELECT s.sale_id, s.token, 0::bigint, s.epoch, k.sold, k.total, k.sequence, s.lost_with_disk
            FROM sale s JOIN sale_sku k USING (sale_id) WHERE s.sale_id = a_sale_id[i];
        END IF;
    END LOOP;
END
$$;

-- The rids of the snapshot that the bump to `epoch` took. Rows of that snapshot are those of earlier epochs: order_write adds
-- none to them after the bump. An order that became final since then was still held at the bump; final_epoch remembers it. So
-- a page is the same whenever it is read.
CREATE FUNCTION epoch_page (
    a_sale_id bigint[], a_epoch bigint[], a_token bigint[], a_rid bytea[], a_held bigint[], a_user_id bigint[],
    a_quantity bigint[], a_body_hash bigint[], a_price_cents bigint[], a_sequence bigint[], a_reserved_us bigint[],
    a_pay_before_us bigint[], a_place bigint[])
RETURNS TABLE (sale_id bigint, epoch bigint, token bigint, rid bytea, held bigint, user_id bigint, quantity bigint,
               body_hash bigint, price_cents bigint, sequence bigint, reserved_us bigint, pay_before_us bigint, place bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT o.sale_id, a_epoch[1], a_token[1], o.rid,
           CASE WHEN o.final_epoch = 0 OR o.final_epoch >= a_epoch[1] THEN 1 ELSE 0 END::bigint,
           o.user_id, o.quantity, o.body_hash, o.price_cents, o.sequence, o.reserved_us, o.gate_pay_before_us, o.place
    FROM orders o
    WHERE o.sale_id = a_sale_id[1] AND o.place > a_place[1] AND o.epoch < a_epoch[1]
    ORDER BY o.place LIMIT 1024
$$;

-- ---------------------------------------------------------------- releases

-- Oldest first; sale_id 0 = of all sales. Rows of archived sales come too: their gate is gone, so the relay deletes them.
CREATE FUNCTION release_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, epoch bigint, rid bytea, code bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.sale_id, s.epoch, b.rid, 0::bigint
    FROM release_box b JOIN sale s USING (sale_id)
    WHERE a_sale_id[1] = 0 OR b.sale_id = a_sale_id[1]
    ORDER BY b.place LIMIT page_rows (a_limit[1])
$$;

-- Code 0 is the gate's final answer. It stays true in every later epoch: the order was final before, so later snapshots have it
-- released. Rows that are gone already are done.
CREATE FUNCTION release_done (a_sale_id bigint[], a_epoch bigint[], a_rid bytea[], a_code bigint[])
RETURNS TABLE (code bigint, detail text, retry_after_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM release_box b USING unnest (a_sale_id, a_rid, a_code) AS d (sale_id, rid, code)
    WHERE b.sale_id = d.sale_id AND b.rid = d.rid AND d.code = 0;
    RETURN QUERY VALUES (0::bigint, '', 0::bigint);
END
$$;

-- ---------------------------------------------------------------- books

-- One statement, so one snapshot. The constraints make `duplicated` 0; it is counted from the rows all the same.
CREATE FUNCTION sale_books (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, stock_total bigint, sold bigint, pending_payment bigint, paid bigint, returned bigint,
               "returning" bigint, duplicated bigint, lost_with_disk bigint, active_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.sale_id, k.total, k.sold, coalesce (o.pending_payment, 0)::bigint, coalesce (o.paid, 0)::bigint,
           coalesce (l.returned, 0)::bigint, coalesce (b.units, 0)::bigint,
           (coalesce (u.units, 0) + coalesce (l.second_units, 0))::bigint, s.lost_with_disk, coalesce (o.active_count, 0)
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
    WHERE s.sale_id = ANY (a_sale_id)
$$;

-- ---------------------------------------------------------------- limits and log

CREATE VIEW limits_row AS
    SELECT version, ip_rate_per_s, ip_burst, user_count, user_window_ms, sale_rate_per_s, sale_burst, global_rate_per_s,
           global_burst, actor
    FROM limits;

CREATE FUNCTION limits_words (l limits_row) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format ('ip %s/s burst %s, user %s in %s ms, sale %s/s burst %s, global %s/s burst %s', l.ip_rate_per_s, l.ip_burst,
                   l.user_count, l.user_window_ms, l.sale_rate_per_s, l.sale_burst, l.global_rate_per_s, l.global_burst)
$$;

CREATE FUNCTION limits_load (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF limits_row LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    $$ SELECT l.* FROM limits_row l $$;

-- The same numbers again are done already: no new version, no second line in the log.
CREATE FUNCTION limits_save (
    a_version bigint[], a_ip_rate_per_s bigint[], a_ip_burst bigint[], a_user_count bigint[], a_user_window_ms bigint[],
    a_sale_rate_per_s bigint[], a_sale_burst bigint[], a_global_rate_per_s bigint[], a_global_burst bigint[], a_actor text[])
RETURNS SETOF limits_row LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_before limits_row;
    v_after limits_row;
BEGIN
    PERFORM 1 FROM limits FOR UPDATE;
    SELECT l.* INTO v_before FROM limits_row l;
    v_after := ROW (v_before.version + 1, a_ip_rate_per_s[1], a_ip_burst[1], a_user_count[1], a_user_window_ms[1],
                    a_sale_rate_per_s[1], a_sale_burst[1], a_global_rate_per_s[1], a_global_burst[1], a_actor[1]);
    IF limits_words (v_after) <> limits_words (v_before) THEN
        UPDATE limits SET version = v_after.version, ip_rate_per_s = v_after.ip_rate_per_s, ip_burst = v_after.ip_burst,
                          user_count = v_after.user_count, user_window_ms = v_after.user_window_ms,
                          sale_rate_per_s = v_after.sale_rate_per_s, sale_burst = v_after.sale_burst,
                          global_rate_per_s = v_after.global_rate_per_s, global_burst = v_after.global_burst,
                          actor = v_after.actor;
        INSERT INTO admin_log (at_ms, who, action, target, before, after)
        VALUES (clock_us () / 1000, v_after.actor, 'limits_save', 'limits', left (limits_words (v_before), 200),
                left (limits_words (v_after), 200));
    END IF;
    RETURN QUERY SELECT l.* FROM limits_row l;
END
$$;

CREATE FUNCTION log_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS SETOF admin_log LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT g.* FROM admin_log g WHERE a_after[1] = 0 OR g.place < a_after[1]
    ORDER BY g.place DESC LIMIT page_rows (a_limit[1])
$$;

GRANT EXECUTE ON FUNCTION sale_create, sale_load, sale_live, sale_change, epoch_bump, epoch_page, release_list, release_done,
    sale_books, limits_load, limits_save, log_list TO minishop_inventory;

RESET ROLE;
