-- How many orders a sale has in each status: counted when they change, so that reading is one row however many there are.
--
-- 13. order_count: a row per sale that has orders; each column is the number of its orders in that status. Kept by the triggers
--     below in the statement that changes the orders, and so under the lock of the sale's row (invariant 1): nobody waits for the
--     row of order_count who has not waited for that. They run as part of the owner's functions, so as the owner.

SET ROLE minishop_owner;

CREATE TABLE order_count (
    sale_id bigint PRIMARY KEY,
    pending_payment bigint NOT NULL,
    paid bigint NOT NULL,
    cancelled bigint NOT NULL,
    expired bigint NOT NULL,
    rejected bigint NOT NULL,
    refunded bigint NOT NULL
) WITH (fillfactor = 20); -- as sale_sku: one narrow row that every batch rewrites

CREATE FUNCTION orders_count_new () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_count AS c
    SELECT sale_id, count (*) FILTER (WHERE status = 2), count (*) FILTER (WHERE status = 3), count (*) FILTER (WHERE status = 4),
           count (*) FILTER (WHERE status = 5), count (*) FILTER (WHERE status = 6), count (*) FILTER (WHERE status = 7)
    FROM came GROUP BY sale_id
    ON CONFLICT (sale_id) DO UPDATE
    SET pending_payment = c.pending_payment + excluded.pending_payment, paid = c.paid + excluded.paid,
        cancelled = c.cancelled + excluded.cancelled, expired = c.expired + excluded.expired,
        rejected = c.rejected + excluded.rejected, refunded = c.refunded + excluded.refunded;
    RETURN NULL;
END
$$;

CREATE FUNCTION orders_count_moved () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_count c
    SET pending_payment = c.pending_payment + m.pending_payment, paid = c.paid + m.paid, cancelled = c.cancelled + m.cancelled,
        expired = c.expired + m.expired, rejected = c.rejected + m.rejected, refunded = c.refunded + m.refunded
    FROM (SELECT sale_id,
                 sum (CASE status WHEN 2 THEN n ELSE 0 END) AS pending_payment, sum (CASE status WHEN 3 THEN n ELSE 0 END) AS paid,
                 sum (CASE status WHEN 4 THEN n ELSE 0 END) AS cancelled, sum (CASE status WHEN 5 THEN n ELSE 0 END) AS expired,
                 sum (CASE status WHEN 6 THEN n ELSE 0 END) AS rejected, sum (CASE status WHEN 7 THEN n ELSE 0 END) AS refunded
          FROM (SELECT sale_id, status, 1 AS n FROM came UNION ALL SELECT sale_id, status, -1 FROM went) moved
          GROUP BY sale_id) m
    WHERE c.sale_id = m.sale_id AND (m.pending_payment, m.paid, m.cancelled, m.expired, m.rejected, m.refunded) <> (0, 0, 0, 0, 0, 0);
    RETURN NULL;
END
$$;

-- Takes the table's lock: no order comes between the triggers and the count of those that are there.
CREATE TRIGGER orders_count_new AFTER INSERT ON orders
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION orders_count_new ();
CREATE TRIGGER orders_count_moved AFTER UPDATE ON orders
    REFERENCING NEW TABLE AS came OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION orders_count_moved ();

INSERT INTO order_count
SELECT sale_id, count (*) FILTER (WHERE status = 2), count (*) FILTER (WHERE status = 3), count (*) FILTER (WHERE status = 4),
       count (*) FILTER (WHERE status = 5), count (*) FILTER (WHERE status = 6), count (*) FILTER (WHERE status = 7)
FROM orders GROUP BY sale_id;

-- One question: one row per sale that is asked for, also without orders.
CREATE FUNCTION order_counts (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (sale_id bigint, pending_payment bigint, paid bigint, cancelled bigint, expired bigint, rejected bigint, refunded bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT q.sale_id, coalesce (c.pending_payment, 0), coalesce (c.paid, 0), coalesce (c.cancelled, 0), coalesce (c.expired, 0),
           coalesce (c.rejected, 0), coalesce (c.refunded, 0)
    FROM unnest (a_sale_id) AS q (sale_id) LEFT JOIN order_count c ON c.sale_id = q.sale_id
$$;

GRANT EXECUTE ON FUNCTION order_counts TO minishop_ordering;

RESET ROLE;
