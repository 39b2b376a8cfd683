/*  A lease with fencing tokens (`inventory`, `broker`, `scheduler`): two processes, one lease row in PostgreSQL; a resource at the gate that
    remembers the highest token, and one in PostgreSQL that looks at the lease row. A process goes by its own clock, may be paused between the look
    at it and the write, and may die and come back under its name.

    Rules, all on; -DWITHOUT_<RULE> takes one away:
      GATE     the gate compares the token of a write with the highest that was there (gate_*.lua, `tok`)
      ROW      a function of PostgreSQL asks lease_is_held in its transaction
      RISES    a change of hands raises the token, also from one incarnation of a holder to the next
      TERM     lease_take gives nothing away before the lease is over
      KNOWN    a new leader makes itself known to the gate before it trusts what it read there (gate_close, gate_update)
      CLOCK    the holder counts the lease from the moment of asking; else from the answer

    Claims: nobody of a former term changes what a later leader wrote or has read at the gate, and PostgreSQL takes nothing from anybody but
    the present term; while nobody is paused two never believe that they lead. */

#ifdef WITHOUT_GATE
#define GATE 0
#else
#define GATE 1
#endif
#ifdef WITHOUT_ROW
#define ROW 0
#else
#define ROW 1
#endif
#ifdef WITHOUT_RISES
#define RISES 0
#else
#define RISES 1
#endif
#ifdef WITHOUT_TERM
#define TERM 0
#else
#define TERM 1
#endif
#ifdef WITHOUT_KNOWN
#define KNOWN 0
#else
#define KNOWN 1
#endif
#ifdef WITHOUT_CLOCK
#define CLOCK 0
#else
#define CLOCK 1
#endif

#define NOBODY 2
#ifndef TERMS
#define TERMS 3
#endif

/* the lease row; `term` is the truth that tokens stand for: it rises with every change of hands */
byte holder = NOBODY, token, term;
bit is_over = 1;
byte g_token, g_term; /* the gate: highest token that was there, term that wrote last */

byte my_token[2], my_term[2];
bit believes[2];           /* by its own clock */
bit is_paused[2];
bit somebody_was_paused, somebody_died;
bit is_granted[2];         /* a good answer is under way */
byte granted_token[2], granted_term[2];
bit is_known[2], has_read[2]; /* at the gate, in its term */
bit is_writing[2];         /* it looked at its clock, and is about to write */
#define RUNS(me) !is_paused[me] && !is_writing[me]

active [2] proctype Process ()
{
    byte me = _pid;
end:
    do
    /* lease_take: renewed, or taken */
    :: d_step {
        RUNS (me) && !is_granted[me] && (holder == me || is_over || !TERM) && (term < TERMS || holder == me) ->
        if
        :: holder == me && my_term[me] == term
        :: else -> term++; token = token + (RISES || token == 0)
        fi;
        holder = me;
        is_over = 0;
        is_granted[me] = 1;
        granted_token[me] = token;
        granted_term[me] = term
    }
    /* its answer; what time took away in between is known, if it was counted from the asking */
    :: d_step {
        RUNS (me) && is_granted[me] ->
        is_granted[me] = 0;
        believes[me] = (!CLOCK || (term == granted_term[me] && !is_over));
        is_known[me] = (my_term[me] == granted_term[me] && is_known[me]);
        has_read[me] = (my_term[me] == granted_term[me] && has_read[me]);
        my_token[me] = granted_token[me];
        my_term[me] = granted_term[me];
        granted_token[me] = 0;
        granted_term[me] = 0
    }
    :: d_step { believes[me] && RUNS (me) -> believes[me] = 0 }
    /* the lease ends in PostgreSQL: after its holder's clock, which stands still for nobody but one that is paused */
    :: d_step { holder == me && !is_over && (!believes[me] || is_paused[me] || !CLOCK) -> is_over = 1 }
    :: d_step { !is_paused[me] -> is_paused[me] = 1; somebody_was_paused = 1 }
    :: d_step { is_paused[me] -> is_paused[me] = 0; believes[me] = (believes[me] && term == my_term[me] && !is_over) }
    /* it dies, and another one of its name comes */
    :: d_step {
        my_term[me] && !is_writing[me] && !somebody_died ->
        somebody_died = 1;
        my_token[me] = 0;
        my_term[me] = 0;
        believes[me] = 0;
        is_granted[me] = 0;
        granted_token[me] = 0;
        granted_term[me] = 0;
        is_known[me] = 0;
        has_read[me] = 0
    }

    /* the leader makes itself known, reads, looks at its clock, writes */
    :: d_step {
        believes[me] && RUNS (me) && !is_known[me] ->
        is_known[me] = 1;
        g_token = (KNOWN && g_token < my_token[me] -> my_token[me] : g_token)
    }
    :: d_step { believes[me] && RUNS (me) && is_known[me] && !has_read[me] && (!GATE || g_token <= my_token[me]) -> has_read[me] = 1 }
    :: d_step { believes[me] && RUNS (me) && has_read[me] -> is_writing[me] = 1 }
    :: d_step {
        is_writing[me] && !is_paused[me] ->
        is_writing[me] = 0;
        if
        :: !GATE || g_token <= my_token[me] ->
            assert (g_term <= my_term[me]);
            assert (!has_read[1 - me] || my_term[1 - me] <= my_term[me]);
            g_term = my_term[me];
            g_token = my_token[me]
        :: else -> skip;
#ifdef REACH_FENCED
            assert (0)
#endif
        fi;
        if
        :: !ROW || token <= my_token[me] -> assert (my_term[me] == term)
        :: else
        fi
    }
    :: d_step { !somebody_was_paused -> assert (!(believes[0] && believes[1])) }
    od
}
