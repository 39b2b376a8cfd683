/*  Resends of one purchase at an edge: when may a refusal be answered? http/purchases.c, invariant 3. Up to three attempts; each carries
    `before`, after which the script refuses it. Verdicts come late, in any order, or never; the attempts as well.

    Rules, all on; -DWITHOUT_<RULE> takes one away:
      NEWEST   a refusal answers only if it is of the newest attempt
      AFTER    and only if the gate decided it after `before` of every older attempt that is not over
      BEFORE   the script refuses an attempt after its `before`
      ONCE     an attempt is carried out at most once: nobody repeats a batch. Only therefore a verdict ends its attempt.
      LIMITER  a refusal without a gate time (the limiter's) answers only the first attempt
      LINK     a connection that breaks in the middle of a batch is no verdict; else it is taken for a refusal

    Claims: who was told no has nothing, and never will from this purchase; who was told yes has it.

    -DWITHOUT_ENDS: a verdict does not end its attempt: safe too, only slower. */

#ifdef WITHOUT_NEWEST
#define NEWEST 0
#else
#define NEWEST 1
#endif
#ifdef WITHOUT_AFTER
#define AFTER 0
#else
#define AFTER 1
#endif
#ifdef WITHOUT_BEFORE
#define BEFORE 0
#else
#define BEFORE 1
#endif
#ifdef WITHOUT_ENDS
#define ENDS 0
#else
#define ENDS 1
#endif
#ifdef WITHOUT_LIMITER
#define LIMITER 0
#else
#define LIMITER 1
#endif

#define ATTEMPTS 3
#define YES 1
#define NO 2
#define TOO_LATE 3
#define LIMITED 4

byte newest;           /* attempts sent */
bit under_way[ATTEMPTS];
bit is_past[ATTEMPTS]; /* gate time is after its `before` */
byte verdict[ATTEMPTS]; /* under way back */
byte proof[ATTEMPTS];   /* attempts whose `before` was past when the gate decided this one, as bits */
byte older;             /* older_before_us: attempts that can still win, as bits */
bit ended;              /* purchase.before_us = 0: the newest attempt is over */
byte answer;
bit is_held;
byte left, coming = 2;  /* units; come back from others */

#define BIT(i) (1 << i)

active [ATTEMPTS] proctype Attempt ()
{
    byte i = _pid;
end:
    do
    /* s_prepare: first sending, or once the last one was given up, late, or held back */
    :: d_step {
        newest == i && answer == 0 ->
        if
        :: i > 0 && !(ended && ENDS) -> older = older | BIT ((i - 1))
        :: else
        fi;
        newest++;
        under_way[i] = 1;
        ended = 0
    }
    :: d_step { newest > i && !is_past[i] -> is_past[i] = 1 }

    /* the limiter refuses */
    :: d_step { under_way[i] && verdict[i] == 0 -> under_way[i] = 0; verdict[i] = LIMITED }
    /* gate_reserve */
    :: d_step {
        under_way[i] && verdict[i] == 0 ->
#ifndef WITHOUT_ONCE
        under_way[i] = 0;
#endif
        if
        :: BEFORE && is_past[i] -> verdict[i] = TOO_LATE
        :: !(BEFORE && is_past[i]) && is_held -> verdict[i] = YES
        :: !(BEFORE && is_past[i]) && !is_held && left > 0 -> left--; is_held = 1; verdict[i] = YES
        :: else -> verdict[i] = NO; proof[i] = is_past[0] | (is_past[1] << 1) | (is_past[2] << 2)
        fi;
        assert (!(answer == NO && is_held))
    }
    /* on the way it is lost */
    :: d_step { under_way[i] -> under_way[i] = 0 }
    :: d_step { verdict[i] != 0 -> verdict[i] = 0 }
#ifdef WITHOUT_LINK
    :: d_step { verdict[i] == YES -> verdict[i] = NO }
#endif

    /* purchases_handle_verdicts */
    :: d_step {
        verdict[i] != 0 ->
        if
        :: answer != 0
        :: answer == 0 && verdict[i] == YES -> answer = YES
        :: answer == 0 && verdict[i] != YES && NEWEST && i + 1 != newest /* ignored */
        :: else ->
            ended = (i + 1 == newest -> 1 : ended);
            if
            :: verdict[i] == NO && (!AFTER || ((older & (BIT (i) - 1)) & proof[i]) == (older & (BIT (i) - 1))) -> answer = NO
            :: verdict[i] == LIMITED && (!LIMITER || newest == 1) -> answer = NO
            :: else /* held back, or again */
            fi
        fi;
        verdict[i] = 0;
        proof[i] = 0;
        assert (!(answer == NO && is_held));
        assert (!(answer == YES && !is_held));
#ifdef REACH_HELD_BACK
        assert (!(answer == NO && newest == 3 && older == 3))
#endif
#ifdef REACH_ENDED
        assert (!(answer == NO && newest == 3 && older == 0))
#endif
    }
    :: d_step { i == 0 && coming > 0 -> coming--; left++ }
    :: d_step { i == 0 && left > 0 -> left-- } /* somebody else */
    od
}
