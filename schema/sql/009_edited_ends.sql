-- An edit cannot archive a sale at once.

SET ROLE minishop_owner;

-- The fields of `mask` (SALE_HAS_…). A draft: all of them. Published and not over: only 1 … 16. Again, or nothing new: the row as it is.
-- No row: no such sale, not allowed in its state, or values that the checks of the tables refuse. An end of a published sale
-- that lies in the past is now: 24 h after its end a sale is archived, and for so long the keys of its purchases have their answers.
CREATE OR REPLACE FUNCTION sale_edit (
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

RESET ROLE;
