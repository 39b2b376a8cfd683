-- Accounts and the deny-list of tokens: all of account.

SET ROLE minishop_owner;

-- Code 36 (username_taken) unless the row that is there now is the one that was asked for: so a repeated call, after an unknown
-- outcome, answers as the first would have. The hash does not come back.
CREATE FUNCTION account_add (
    a_user_id bigint[], a_username text[], a_role text[], a_display_name text[], a_password_hash text[], a_code bigint[])
RETURNS TABLE (user_id bigint, username text, role text, display_name text, password_hash text, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO account (user_id, username, role, display_name, password_hash, at_ms)
    SELECT e.*, clock_us () / 1000
    FROM unnest (a_user_id, a_username, a_role, a_display_name, a_password_hash) AS e
    ON CONFLICT DO NOTHING;
    RETURN QUERY
    SELECT e.user_id, e.username, e.role, e.display_name, '', CASE WHEN a.user_id IS NULL THEN 36 ELSE 0 END::bigint
    FROM unnest (a_user_id, a_username, a_role, a_display_name) WITH ORDINALITY
         AS e (user_id, username, role, display_name, ordinal)
    LEFT JOIN account a ON a.user_id = e.user_id AND a.username = e.username
    ORDER BY e.ordinal;
END
$$;

CREATE FUNCTION account_find (
    a_user_id bigint[], a_username text[], a_role text[], a_display_name text[], a_password_hash text[], a_code bigint[])
RETURNS TABLE (user_id bigint, username text, role text, display_name text, password_hash text, code bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce (a.user_id, e.user_id), coalesce (a.username, e.username), coalesce (a.role, ''),
           coalesce (a.display_name, ''), coalesce (a.password_hash, ''), CASE WHEN a.user_id IS NULL THEN 8 ELSE 0 END::bigint
    FROM unnest (a_user_id, a_username) WITH ORDINALITY AS e (user_id, username, ordinal)
    LEFT JOIN LATERAL (
        SELECT * FROM account i WHERE i.user_id = e.user_id AND e.user_id <> 0
        UNION ALL
        SELECT * FROM account n WHERE n.username = e.username AND e.user_id = 0) a ON true
    ORDER BY e.ordinal
$$;

CREATE FUNCTION account_rehash (
    a_user_id bigint[], a_username text[], a_role text[], a_display_name text[], a_password_hash text[], a_code bigint[])
RETURNS TABLE (user_id bigint, username text, role text, display_name text, password_hash text, code bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE account a SET password_hash = e.password_hash
    FROM unnest (a_user_id, a_password_hash) AS e (user_id, password_hash) WHERE a.user_id = e.user_id;
    RETURN QUERY SELECT f.* FROM account_find (a_user_id, a_username, a_role, a_display_name, a_password_hash, a_code) f;
END
$$;

-- Two denials of the same tokens become the stricter of both.
CREATE FUNCTION denial_add (a_token_id bytea[], a_user_id bigint[], a_not_before_ms bigint[], a_until_ms bigint[])
RETURNS TABLE (token_id bytea, user_id bigint, not_before_ms bigint, until_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO denial AS d (user_id, token_id, not_before_ms, until_ms)
    SELECT e.user_id, e.token_id, max (e.not_before_ms), max (e.until_ms)
    FROM unnest (a_token_id, a_user_id, a_not_before_ms, a_until_ms) AS e (token_id, user_id, not_before_ms, until_ms)
    GROUP BY e.user_id, e.token_id ORDER BY e.user_id, e.token_id
    ON CONFLICT (user_id, token_id) DO UPDATE
    SET not_before_ms = greatest (d.not_before_ms, excluded.not_before_ms), until_ms = greatest (d.until_ms, excluded.until_ms);
    RETURN QUERY
    SELECT d.token_id, d.user_id, d.not_before_ms, d.until_ms
    FROM unnest (a_token_id, a_user_id) WITH ORDINALITY AS e (token_id, user_id, ordinal)
    JOIN denial d ON d.user_id = e.user_id AND d.token_id = e.token_id
    ORDER BY e.ordinal;
END
$$;

-- In order of (user_id, token_id), from behind the (user_id, rid) of the question: the last row of a full page names the next.
CREATE FUNCTION denial_list (
    a_sale_id bigint[], a_rid bytea[], a_user_id bigint[], a_operator bigint[], a_after bigint[], a_limit bigint[], a_actor text[])
RETURNS TABLE (token_id bytea, user_id bigint, not_before_ms bigint, until_ms bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.token_id, d.user_id, d.not_before_ms, d.until_ms FROM denial d
    WHERE d.until_ms > clock_us () / 1000 AND (d.user_id, d.token_id) > (a_user_id[1], a_rid[1])
    ORDER BY d.user_id, d.token_id LIMIT page_rows (a_limit[1])
$$;

GRANT EXECUTE ON FUNCTION account_add, account_find, account_rehash, denial_add, denial_list TO minishop_account;

RESET ROLE;
