-- Leases: one holder at a time, and a token that rises with every change of holder.

SET ROLE minishop_owner;

-- Takes or renews. In order of the rules, the first that applies:
--
--  1. nobody ever had it                              held, token 1
--  2. the same holder and incarnation                 held, same token: a renewal, or a taking whose answer was lost. Also after it
--                                                     expired, for nobody took it since
--  3. it expired                                      held, token + 1
--  4. the same holder in a new incarnation, token 0   held, token + 1: its predecessor is dead (it holds the lock of the name). A
--                                                     statement that the dead one left behind carries a token and is refused
--  5. otherwise                                       not held; answers who has it
--
-- The token never falls: not even if the table was restored from a time before the asker's own token.
CREATE FUNCTION lease_take (
    a_name text[], a_holder text[], a_incarnation bigint[], a_token bigint[], a_ttl_ms bigint[], a_held bigint[])
RETURNS TABLE (name text, holder text, incarnation bigint, token bigint, ttl_ms bigint, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_lease lease;
    v_now bigint;
    v_renews boolean;
BEGIN
    FOR i IN 1 .. cardinality (a_name) LOOP
        -- Expired from the start and of incarnation 0, which no process has: rules 1 and 3 are one.
        INSERT INTO lease VALUES (a_name[i], a_holder[i], 0, 1, 0) ON CONFLICT DO NOTHING;
        SELECT l.* INTO v_lease FROM lease l WHERE l.name = a_name[i] FOR UPDATE;
        v_now := clock_us (); -- after the wait for the row
        v_renews := v_lease.holder = a_holder[i] AND v_lease.incarnation = a_incarnation[i] AND v_lease.token >= a_token[i];
        IF v_renews OR v_lease.expires_us <= v_now OR (v_lease.holder = a_holder[i] AND a_token[i] = 0) THEN
            v_lease.token := CASE WHEN v_renews OR v_lease.incarnation = 0 THEN greatest (v_lease.token, a_token[i])
                                  ELSE greatest (v_lease.token, a_token[i]) + 1 END;
            UPDATE lease l SET holder = a_holder[i], incarnation = a_incarnation[i], token = v_lease.token,
                               expires_us = v_now + a_ttl_ms[i] * 1000
            WHERE l.name = a_name[i];
            RETURN QUERY VALUES (a_name[i], a_holder[i], a_incarnation[i], v_lease.token, a_ttl_ms[i], 1::bigint);
        ELSE
            RETURN QUERY VALUES (v_lease.name, v_lease.holder, v_lease.incarnation, v_lease.token, a_ttl_ms[i], 0::bigint);
        END IF;
    END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION lease_take TO minishop_inventory, minishop_broker;

RESET ROLE;
