-- payment_event_take as in 007, but for one thing: events that name no payment are kept at the end, in the order of their names. Two calls
-- with the same events in different order waited for each other's rows before, and one of them was ended by PostgreSQL (40P01).

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
CREATE OR REPLACE FUNCTION payment_event_take (
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
    v_unmatched int[] := '{}'; -- which of them name no payment
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
            IF v_payment.payment_id IS NULL THEN
                v_unmatched := v_unmatched || i;
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
    IF cardinality (v_unmatched) > 0 THEN
        INSERT INTO payment_unmatched (event_id, payment_id, rid, outcome, amount_cents, at_us)
        SELECT DISTINCT ON (a_event_id[i]) a_event_id[i], a_payment_id[i], a_rid[i], a_outcome[i], a_amount_cents[i], v_now
        FROM unnest (v_unmatched) i ORDER BY a_event_id[i]
        LIMIT 10000 - (SELECT count (*) FROM (SELECT FROM payment_unmatched LIMIT 10000) u)
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;
