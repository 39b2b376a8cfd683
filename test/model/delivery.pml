/*  Delivery of journal entries to ordering: two brokers, a lease that moves while its former holder may go on, one consumer with a credit
    window, three entries. Messages are lost, the consumer dies, brokers die or lose the lease. broker/README.md has the protocol.

    Entries 0 and 1 are one batch at first, which is split when it was refused; entry 2 goes alone. Entry POISON (none unless defined)
      is refused always, any other at most LIMIT times: a hiccup.

    Rules, all on; -DWITHOUT_<RULE> takes one away:
      COMMIT     the consumer acknowledges after COMMIT (O1 of ordering.c)
      ANSWERED   the broker deletes what was acknowledged, and nothing else (R1 of router.c)
      CREDIT     no more outstanding to a consumer than the credit that it gave last (R3)
      REPEATED   CREDIT is told again and again: a lost one does not matter
      DEADLINE   a delivery that nobody answers is given up and delivered again
      STREAM     a new active broker reads from the start; else, as in a consumer group, only what nobody was given yet
      SPLIT      a batch that was refused is split; else it is delivered again as it is
      ALONE      only a refusal of an entry alone counts against it; else that of its batch too
      DURABLE    the count is in Redis before the entry is sent again; else in the broker's memory
      NAMED      a failure has a name: a counting that is asked again counts once
      LETTER     an entry over the limit leaves the journal when its dead letter is committed; else at once

    Claims: an entry leaves the journal only after its order or its dead letter was committed; none becomes a dead letter that was
    refused LIMIT times or less; a batch is refused once, and poison alone LIMIT + 1 times, and at most twice more for each mishap (there are
    two brokers); outstanding ≤ window; no entry is forgotten. */

#ifdef WITHOUT_CREDIT
#define CREDIT 0
#else
#define CREDIT 1
#endif
#ifdef WITHOUT_STREAM
#define STREAM 0
#else
#define STREAM 1
#endif
#ifdef WITHOUT_ALONE
#define ALONE 0
#else
#define ALONE 1
#endif
#ifdef WITHOUT_DURABLE
#define DURABLE 0
#else
#define DURABLE 1
#endif
#ifdef WITHOUT_LETTER
#define LETTER 0
#else
#define LETTER 1
#endif

#ifndef WINDOW
#define WINDOW 1
#endif
#ifndef LIMIT
#define LIMIT 1
#endif
#ifndef POISON
#define POISON 9
#endif
#ifndef ENDS
#define ENDS 1 /* of brokers */
#endif
#ifndef DEATHS
#define DEATHS 1 /* of the consumer */
#endif
#ifndef LOSSES
#define LOSSES 1 /* of messages */
#endif

#ifndef EARLY
#define EARLY 1 /* deadlines that come before the answer */
#endif

#define ENTRIES 3
/* deliveries: 0 to 2 are the entries alone, 3 is the batch of 0 and 1 */
#define BATCH 3
#define DELIVERIES 4
#define CONTAINS(d, e) (d == e || (d == BATCH && e < 2))

/* of a delivery at a broker */
#define ABSENT 0
#define READY 1 /* also in backoff */
#define OUT 2
#define COUNTING 3
#define DEAD 4 /* REJECT is to be sent */
#define DEAD_OUT 5
#define ACKNOWLEDGED 6
#define ELSEWHERE 7 /* its entries are in other deliveries, or deleted */

/* of a delivery at the consumer */
#define DELIVERED 1
#define REJECTED 2
#define OF_NOBODY 4 /* + the above: its broker is another one by now, or of another term */

#define NOBODY 2
#define ACK_NONE 1
#define ACK_POISON 2

bit in_journal[ENTRIES] = 1;
byte counted[ENTRIES];
bit was_given[ENTRIES];
bit is_committed[ENTRIES], is_letter[ENTRIES]; /* PostgreSQL */
byte refusals[ENTRIES], batch_refusals;        /* what really happened */

byte lease;               /* whose it is */
bit is_active[2];
byte state[8];            /* [b * DELIVERIES + d] */
byte memory[6];           /* [b * ENTRIES + e] */
byte credit[2];           /* as the broker has it */
byte place[8];            /* at the consumer */
byte answer[8];           /* ACK under way */
bit credit_under_way[2], credit_is_told[2];
byte ends, deaths, losses, early;
#define MISHAPS (ends + deaths + losses + early)

#define AT(b, d) ((b) * DELIVERIES + (d))
#define IS_OUT(x) (state[x] == OUT || state[x] == DEAD_OUT)
#define OUTSTANDING(b) (IS_OUT (AT (b, 0)) + IS_OUT (AT (b, 1)) + IS_OUT (AT (b, 2)) + IS_OUT (AT (b, 3)))
#define IS_EMPTY (!in_journal[0] && !in_journal[1] && !in_journal[2])

inline delete (e)
{
    assert (!in_journal[e] || is_committed[e] || is_letter[e]);
    in_journal[e] = 0
}

/* a new term, or the end: everything is forgotten, late answers too */
inline forget (b)
{
    for (i : 0 .. DELIVERIES - 1) {
        state[AT (b, i)] = ABSENT;
        answer[AT (b, i)] = 0;
        place[AT (b, i)] = (place[AT (b, i)] -> place[AT (b, i)] | OF_NOBODY : 0)
    }
    for (i : 0 .. ENTRIES - 1) {
        memory[b * ENTRIES + i] = 0
    }
    i = 0
}

active [8] proctype Delivery ()
{
    byte x = _pid, b = _pid / DELIVERIES, d = _pid % DELIVERIES, i;
end:
    do
    /* journal_read */
    :: d_step {
        is_active[b] && state[x] == ABSENT && d == 2 && in_journal[2] && (STREAM || !was_given[2]) ->
        state[x] = READY;
        was_given[2] = 1
    }
    :: d_step {
        is_active[b] && state[x] == ABSENT && d == BATCH && in_journal[0] && in_journal[1] &&
            (STREAM || (!was_given[0] && !was_given[1])) ->
        state[x] = READY;
        state[AT (b, 0)] = ELSEWHERE;
        state[AT (b, 1)] = ELSEWHERE;
        was_given[0] = 1;
        was_given[1] = 1
    }
    :: d_step {
        is_active[b] && state[x] == ABSENT && d < 2 && in_journal[d] && !in_journal[1 - d] && (STREAM || !was_given[d]) ->
        state[x] = READY;
        state[AT (b, BATCH)] = ELSEWHERE;
        was_given[d] = 1
    }

    /* DELIVER, REJECT; the latter two are lost on the way */
    :: d_step {
        is_active[b] && state[x] == READY && (!CREDIT || OUTSTANDING (b) < credit[b]) ->
        state[x] = OUT;
        assert (OUTSTANDING (b) <= WINDOW);
        place[x] = (place[x] -> place[x] : DELIVERED) /* the same again is ignored */
    }
    :: d_step {
        is_active[b] && state[x] == DEAD && (!CREDIT || OUTSTANDING (b) < credit[b]) ->
        state[x] = DEAD_OUT;
        assert (OUTSTANDING (b) <= WINDOW);
        place[x] = (place[x] -> place[x] : REJECTED)
    }
    :: d_step { is_active[b] && state[x] == READY && OUTSTANDING (b) < credit[b] && losses < LOSSES -> losses++; state[x] = OUT }
    :: d_step { is_active[b] && state[x] == DEAD && OUTSTANDING (b) < credit[b] && losses < LOSSES -> losses++; state[x] = DEAD_OUT }
#ifndef WITHOUT_DEADLINE
    :: d_step { IS_OUT (x) && place[x] == 0 && answer[x] == 0 -> state[x] = (state[x] == OUT -> READY : DEAD) }
    :: d_step { IS_OUT (x) && (place[x] || answer[x]) && early < EARLY -> early++; state[x] = (state[x] == OUT -> READY : DEAD) }
#endif

    /* the consumer: order_write, order_reject, and the ACK */
    :: d_step {
        (place[x] & 3) == DELIVERED && !CONTAINS (d, POISON) ->
        for (i : 0 .. ENTRIES - 1) {
            is_committed[i] = is_committed[i] || (CONTAINS (d, i) && !is_letter[i])
        }
        i = 0;
        answer[x] = (place[x] & OF_NOBODY -> answer[x] : ACK_NONE);
        place[x] = 0
    }
#ifdef WITHOUT_COMMIT
    :: d_step { place[x] == DELIVERED && !CONTAINS (d, POISON) && !answer[x] -> answer[x] = ACK_NONE }
#endif
    :: d_step {
        (place[x] & 3) == DELIVERED &&
            (CONTAINS (d, POISON) || (d == BATCH && refusals[0] < LIMIT && !is_committed[0] && !is_committed[1]) ||
             (d < 3 && refusals[d] < LIMIT && !is_committed[d])) ->
        if
        :: place[x] & OF_NOBODY
        :: !(place[x] & OF_NOBODY) && d == BATCH -> answer[x] = ACK_POISON; batch_refusals++
        :: else -> answer[x] = ACK_POISON; refusals[d]++
        fi;
        place[x] = 0;
        assert (batch_refusals <= 1 + 2 * MISHAPS);
        assert (POISON >= ENTRIES || refusals[POISON] <= LIMIT + 1 + 2 * MISHAPS)
    }
    :: d_step {
        (place[x] & 3) == REJECTED ->
        is_letter[d] = !is_committed[d];
        answer[x] = (place[x] & OF_NOBODY -> answer[x] : ACK_NONE);
        place[x] = 0
    }
    :: d_step { answer[x] && losses < LOSSES -> losses++; answer[x] = 0 }

    /* consumers_handle_ack */
    :: d_step {
        answer[x] == ACK_NONE ->
        answer[x] = 0;
        credit[b] = WINDOW;
        state[x] = (state[x] == ABSENT || state[x] == ELSEWHERE -> state[x] : ACKNOWLEDGED)
    }
    :: d_step {
        answer[x] == ACK_POISON ->
        answer[x] = 0;
        credit[b] = WINDOW;
        if
        :: state[x] == OUT && d == BATCH ->
#ifdef WITHOUT_SPLIT
            state[x] = READY;
#else
            state[x] = ELSEWHERE;
            state[AT (b, 0)] = READY;
            state[AT (b, 1)] = READY;
#endif
            counted[0] = counted[0] + !ALONE;
            counted[1] = counted[1] + !ALONE
        :: state[x] == OUT && d != BATCH -> state[x] = COUNTING
        :: else /* late */
        fi
    }

    /* delivery_count, then backoff or REJECT */
    :: d_step {
        state[x] == COUNTING ->
        if
        :: DURABLE -> counted[d]++
        :: else -> memory[b * ENTRIES + d]++ /* only WITHOUT_DURABLE */
        fi;
        state[x] = (counted[d] + memory[b * ENTRIES + d] > LIMIT -> DEAD : READY);
        assert (state[x] != DEAD || refusals[d] > LIMIT);
        if
        :: state[x] == DEAD && !LETTER -> delete (d); state[x] = ELSEWHERE /* only WITHOUT_LETTER */
        :: else
        fi
    }
#ifdef WITHOUT_NAMED
    :: d_step { state[x] == COUNTING && losses < LOSSES -> losses++; counted[d]++ }
#endif

    /* journal_delete */
    :: d_step {
        state[x] == ACKNOWLEDGED ->
        state[x] = ELSEWHERE;
        if
        :: d == BATCH -> delete (0); delete (1)
        :: else -> delete (d)
        fi
#ifdef REACH_LETTER
        ;
        assert (!(d < 3 && is_letter[d] && ends == ENDS && deaths == DEATHS))
#endif
    }
#ifdef WITHOUT_ANSWERED
    :: d_step { state[x] == OUT && d != BATCH -> state[x] = ELSEWHERE; delete (d) }
#endif
    od
}

active proctype Processes ()
{
    byte i;
end:
    do
    /* lease_take; the former holder goes on until it learns of it, or dies */
    :: d_step { !is_active[0] && lease == 0 -> is_active[0] = 1; forget (0) }
    :: d_step { !is_active[1] && lease == 1 -> is_active[1] = 1; forget (1) }
    :: d_step { ends < ENDS -> ends++; lease = 1 - lease }
    :: d_step { is_active[0] && lease == 1 -> is_active[0] = 0; forget (0) }
    :: d_step { is_active[1] && lease == 0 -> is_active[1] = 0; forget (1) }

    /* the consumer dies with what it had; its follower has given no credit yet */
    :: d_step {
        deaths < DEATHS ->
        deaths++;
        for (i : 0 .. 7) {
            place[i] = 0;
            answer[i] = 0
        }
        i = 0;
        credit[0] = 0;
        credit[1] = 0;
        credit_under_way[0] = 0;
        credit_under_way[1] = 0;
        credit_is_told[0] = 0;
        credit_is_told[1] = 0
    }
#ifdef WITHOUT_REPEATED
#define MAY_TELL(b) !credit_is_told[b]
#else
#define MAY_TELL(b) (credit[b] != WINDOW)
#endif
    :: d_step { MAY_TELL (0) && !credit_under_way[0] -> credit_under_way[0] = 1; credit_is_told[0] = 1 }
    :: d_step { MAY_TELL (1) && !credit_under_way[1] -> credit_under_way[1] = 1; credit_is_told[1] = 1 }
    :: d_step { credit_under_way[0] -> credit_under_way[0] = 0; credit[0] = WINDOW }
    :: d_step { credit_under_way[1] -> credit_under_way[1] = 0; credit[1] = WINDOW }
    :: d_step { credit_under_way[0] && losses < LOSSES -> losses++; credit_under_way[0] = 0 }
    :: d_step { credit_under_way[1] && losses < LOSSES -> losses++; credit_under_way[1] = 0 }

    :: timeout -> assert (IS_EMPTY); break
    od
}
