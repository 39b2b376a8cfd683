/*  Reservations: the gate in Redis, its journal, orders and books in PostgreSQL, recovery by epoch, relay, operators. One item of one sale,
    time is abstract. Each script of schema/lua and each function of schema/sql is one atomic step here and bears its name; README.md
    says where every statement stands in the code.

    All rules are on; -DWITHOUT_<RULE> takes one away:
      ALWAYS     appendfsync always: what was answered is on disk
      RUN        scripts compare the run id: a Redis that came back is closed until it was recovered
      CASREL     gate_release is held → released by compare-and-set; else it adds the unit whatever the record says
      RELGATE    gate_release only at an open gate of the epoch that the relay named; else at whatever keys are there
      FENCE      order_write refuses an unknown rid of another epoch than the sale's
      GUARD      order_write grants at most total - sold
      FINREL     an entry of the present epoch whose order is final puts a row into release_box
      ACKCOMMIT  a delivery is acknowledged after COMMIT; else when it arrives
      TOMBHELD   a cancel without a row: the epoch in which the gate held the rid must be the sale's
      DRAIN      the epoch moves only when the journal of a gate that is there is empty
      REBUMP     a leader installs only an epoch that it bumped itself
      NAMES      epoch_bump names the epoch that it ends
      PGTOKEN    epoch_bump compares the fencing token
      TOKEN      the scripts compare the fencing token
      INORDER    what the leader sent to Redis for a recovery is not carried out after what it sent later (one machine, Unix socket, one thread)
      STABLE     epoch_page shows the state at the bump (final_epoch), however late it is read
      KEEPFINAL  a rebuild installs final rids too, as released
      SEPARATE   an operator's resume writes `want`; else the field by which a recovery closes
      STAMP      a stock change counts only in the epoch that it names: at the gate (more), in PostgreSQL (less)
      OPID       the gate carries a stock change out once per name and epoch
      REFUSAL    the gate remembers what it refused (less stock, readmission): a late copy is refused too
      STOCKEP    stock_done takes a refusal, too, only in the epoch of the gate that gave it
      PLACE      gate_release does nothing to a record that a younger readmission holds
      NOTE       gate_readmit does nothing where a younger release or attempt was
      DONEPLACE  release_done deletes only the row that it names
      BOXFIRST   a readmission begins when no row of release_box is left of the rid
      LISTED     rows above the mark of a readmission are not listed
      READMITEP  order_readmit only in the epoch in which the gate readmitted
      DECIDED    an attempt at readmission ends only by an answer that the gate remembers

    Faults and people, off unless defined. How many: CRASHES (Redis is killed, its disk is whole), WIPES (everything in Redis is gone),
      TAKEOVERS (another leader), COPIES (a call comes late, its caller asked again or is no leader any more), DEAD (poison entries; they
      may be requeued), HAND (a unit too many at the gate). Yes or no: OLDFILE (Redis comes up with an older file), OPERATOR (pause,
      resume), ADD, TAKE (stock), CANCEL (before the row), LIAR (a cancel says held of what the gate never held).
    NUMBERED makes INORDER unnecessary: every gate_close has a number, and gate_load and gate_open name it.
    Sizes: UNITS, USERS, KEYS (1 or 2 of each user). KEYS × USERS ≤ 6.

    Claims: always sold = active orders ≤ total, and one active order per shopper; a key that is over is not granted anew; a sale does
    not stay closed. At rest the gate's units and the active orders make the total, records are those of PostgreSQL, and
    every 201 became an order that was not rejected, but for those that stood in a journal that was wiped. */

#ifndef UNITS
#define UNITS 1
#endif
#ifndef USERS
#define USERS 2
#endif
#ifndef KEYS
#define KEYS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef WIPES
#define WIPES 0
#endif
#ifndef TAKEOVERS
#define TAKEOVERS 0
#endif
#ifndef COPIES
#define COPIES 0
#endif
#define RIDS (USERS * KEYS)
#if KEYS == 2
#define OTHER(r) (r ^ 1)
#else
#define OTHER(r) r
#endif
#if WIPES > 0 || defined (OLDFILE)
#define LOSSES 1
#endif

#ifdef WITHOUT_RUN
#define RUN_OK 1
#else
#define RUN_OK g_run
#endif
#ifdef WITHOUT_CASREL
#define CASREL 0
#else
#define CASREL 1
#endif
#ifdef WITHOUT_RELGATE
#define RELGATE 0
#else
#define RELGATE 1
#endif
#ifdef WITHOUT_FENCE
#define FENCE 0
#else
#define FENCE 1
#endif
#ifdef WITHOUT_GUARD
#define GUARD 0
#else
#define GUARD 1
#endif
#ifdef WITHOUT_FINREL
#define FINREL 0
#else
#define FINREL 1
#endif
#ifdef WITHOUT_TOMBHELD
#define TOMBHELD 0
#else
#define TOMBHELD 1
#endif
#ifdef WITHOUT_DRAIN
#define DRAIN 0
#else
#define DRAIN 1
#endif
#ifdef WITHOUT_NAMES
#define NAMES 0
#else
#define NAMES 1
#endif
#ifdef WITHOUT_PGTOKEN
#define PGTOKEN 0
#else
#define PGTOKEN 1
#endif
#ifdef WITHOUT_TOKEN
#define TOKEN 0
#else
#define TOKEN 1
#endif
#ifdef WITHOUT_STABLE
#define STABLE 0
#else
#define STABLE 1
#endif
#ifdef WITHOUT_KEEPFINAL
#define KEEPFINAL 0
#else
#define KEEPFINAL 1
#endif
#ifdef WITHOUT_STAMP
#define STAMP 0
#else
#define STAMP 1
#endif
#ifdef WITHOUT_OPID
#define OPID 0
#else
#define OPID 1
#endif
#ifdef WITHOUT_REFUSAL
#define REFUSAL 0
#else
#define REFUSAL 1
#endif
#ifdef WITHOUT_STOCKEP
#define STOCKEP 0
#else
#define STOCKEP 1
#endif
#ifdef WITHOUT_PLACE
#define PLACE 0
#else
#define PLACE 1
#endif
#ifdef WITHOUT_NOTE
#define NOTE 0
#else
#define NOTE 1
#endif
#ifdef WITHOUT_DONEPLACE
#define DONEPLACE 0
#else
#define DONEPLACE 1
#endif
#ifdef WITHOUT_LISTED
#define LISTED 0
#else
#define LISTED 1
#endif
#ifdef WITHOUT_BOXFIRST
#define BOXFIRST 0
#else
#define BOXFIRST 1
#endif
#ifdef WITHOUT_READMITEP
#define READMITEP 0
#else
#define READMITEP 1
#endif
#ifdef WITHOUT_DECIDED
#define DECIDED 0
#else
#define DECIDED 1
#endif

/* -DREACH_x asserts that x never happens: it must fail, otherwise the model never gets there */
#define REACHED(x) assert (!(x))

/* orders.status. Active stands for pending_payment and paid (payment.pml tells them apart), cancelled for every end: expired, refunded */
#define NONE 0
#define ACTIVE 1
#define CANCELLED 2
#define REJECTED 3
#define POISON 4 /* rejected because it was poison */
#define IS_FINAL(state) (state >= CANCELLED)

/* a record at the gate */
#define HELD 1
#define RELEASED 2

/* answers */
#define DONE 0
#define FENCED 1
#define RECOVERING 2
#define STALE 3
#define REFUSED 4
#define LATE 5

/* -------------------------------------------------------------------------- Redis */

bit g_here = 1; /* the hash and the keys of its epoch */
bit g_run = 1;  /* closed or opened in this run of Redis */
bit g_rec;
byte g_epoch = 1, g_token = 1, g_left = UNITS;
byte g_rid[RIDS];
bit g_entry[RIDS]; /* the journal of g_epoch */
byte g_loading;    /* epoch of the keys being loaded */
byte g_loaded[RIDS];
#ifdef NUMBERED
byte g_closing, my_closing, late_closing; /* every gate_close has a number, which gate_load and gate_open name */
#define IS_CLOSING(number) (number == g_closing)
#else
#define my_closing 0
#define late_closing 0
#define IS_CLOSING(number) 1
#endif
#define IS_OPEN (g_here && RUN_OK && !g_rec)

#if USERS * KEYS == 1
#define IS_DRAINED !g_entry[0]
#elif USERS * KEYS == 2
#define IS_DRAINED (!g_entry[0] && !g_entry[1])
#elif USERS * KEYS == 3
#define IS_DRAINED (!g_entry[0] && !g_entry[1] && !g_entry[2])
#elif USERS * KEYS == 4
#define IS_DRAINED (!g_entry[0] && !g_entry[1] && !g_entry[2] && !g_entry[3])
#else
#define IS_DRAINED (!g_entry[0] && !g_entry[1] && !g_entry[2] && !g_entry[3] && !g_entry[4] && !g_entry[5])
#endif

/* -------------------------------------------------------------------------- PostgreSQL */

byte total = UNITS, sold, epoch = 1, epoch_token = 1;
byte status[RIDS], row_epoch[RIDS], final_epoch[RIDS];
byte box[RIDS]; /* release_box: place of the row, 0 = no row */
#ifdef DEAD
/* The sequence of places and marks, as far as this rid sees it: marks are even, and all rows between two marks have one odd place, which
   lets a late release_done do more harm than it can, and keeps the numbers small. */
byte places[RIDS];
#define NEXT_PLACE(r) places[r] = places[r] + !(places[r] & 1); box[r] = places[r]
#else
#define NEXT_PLACE(r) box[r] = 1
#endif

/* -------------------------------------------------------------------------- processes, messages, calls under way */

byte held_by[RIDS]; /* epoch of a copy of the entry that ordering has, 0 = none */
#ifdef LOSSES
byte kept_by[RIDS]; /* another one, of an ordering that is paused */
#endif
byte answered[RIDS]; /* epoch of the last 201 */
bit may_lose[RIDS];  /* it stood in a journal that was wiped */

#define IDLE 0
#define CLOSING 1
#define DRAINING 2
#define BUMPING 3
#define LOADING 4
#define OPENING 5
byte phase;               /* of the leader */
byte token = 1;           /* of its lease */
byte known_epoch = 1;     /* PostgreSQL's, as the leader has it */
byte new_epoch, new_left; /* head of the snapshot */

byte crashes, wipes, takeovers, copies;

/* one call that was sent and not carried out yet; it may come at any time, or never */
#define NOTHING 0
#define CLOSE 1
#define LOAD 2
#define OPEN 3
#define RELEASE 4
#define MORE 5
#define LESS 6
#define READMIT 7
#define LAST_AT_GATE 7
#define BUMP 8
#define RELEASE_DONE 9
#define LIST 10 /* a relay that has listed a row and not sent it yet */
#define STOCK_DONE 11
#define ORDER_READMIT 12
#define DEAD_BEGIN 13
#if COPIES > 0
byte late_what, late_token, late_epoch, late_arg, late_code, late_rid;
#ifdef WITHOUT_INORDER
#define COMES_NEXT 1
#else
#define COMES_NEXT !(late_what != NOTHING && late_what <= OPEN && late_token == token)
#endif
#define CAN_COPY (copies < COPIES && late_what == NOTHING)
#ifdef NUMBERED
#define FORGET_CLOSING late_closing = 0
#else
#define FORGET_CLOSING skip
#endif
#define FORGET late_what = NOTHING; late_token = 0; late_epoch = 0; late_arg = 0; late_code = 0; late_rid = 0; FORGET_CLOSING
#define RELAY_IS_FREE !(late_what == LIST && late_token == token) /* it does one thing after the other */
#define COPY(what, a_epoch, a_arg) copies++; late_what = what; late_token = token; late_epoch = a_epoch; late_arg = a_arg
#else
#define RELAY_IS_FREE 1
#define COMES_NEXT 1
#endif

#ifdef ADD
byte more, more_epoch; /* stock_op: 0 not asked, 1 begun, 2 done */
bit g_more;            /* its name is known to the gate, in this epoch */
#endif
#ifdef TAKE
byte less, less_epoch; /* stock_op: 0 not asked, 1 begun, 2 done, 3 refused */
byte g_less;           /* 1 done, 2 refused in this epoch */
byte less_code, less_asked; /* the leader's: 1 + answer of the gate, 0 = none yet; the epoch that it named */
#endif
#ifdef CANCEL
byte cancel_epoch[RIDS]; /* a cancel under way, with the epoch in which the gate held the rid */
#endif
#ifdef DEAD
#ifndef PLACES
#define PLACES 6
#endif
byte dead[RIDS], mark[RIDS];                       /* dead_letter: 0 none, 1 open, 2 requeueing, 3 requeued; mark of the attempt */
byte try_epoch[RIDS], try_mark[RIDS], try_code[RIDS]; /* the leader's attempt; code: 1 + answer of the gate, 0 = none yet */
byte g_note[RIDS];                                 /* place or mark of the youngest release or attempt at the gate, in this epoch */
bit g_refused[RIDS];                               /* it was an attempt, and refused */
byte deads;
#define IS_LISTED(r) (box[r] && !(LISTED && dead[r] == 2 && mark[r] > 0 && mark[r] < box[r]))
#else
#define IS_LISTED(r) box[r]
#endif
#ifdef OPERATOR
bit want = 1, g_want = 1;
byte changes_left = 2;
#define IS_WANTED g_want
#else
#define IS_WANTED 1
#endif
#if defined (WITHOUT_ALWAYS) || defined (OLDFILE)
bit d_rec; /* what is on disk; or an old file */
byte d_epoch = 1, d_token = 1, d_left = UNITS;
byte d_rid[RIDS];
bit d_entry[RIDS];
#endif

/* -------------------------------------------------------------------------- claims */

/* after every change of orders or books */
inline check_books ()
{
    n = 0;
    for (k : 0 .. RIDS - 1) {
        if
        :: status[k] == ACTIVE ->
            n++;
            assert (OTHER (k) == k || status[OTHER (k)] != ACTIVE) /* one active order per shopper */
        :: else
        fi
    }
    assert (n == sold);
    assert (sold <= total); /* never oversold */
    n = 0;
    k = 0
}

#ifdef ADD
#define NO_MORE (more != 1)
#else
#define NO_MORE 1
#endif
#ifdef TAKE
#define NO_LESS (less != 1)
#else
#define NO_LESS 1
#endif

/* whenever the gate is open and nobody works on it */
inline check_rest ()
{
    n = 0;
    is_busy = !(NO_MORE && NO_LESS);
    for (k : 0 .. RIDS - 1) {
        if
        :: g_entry[k] || box[k] || held_by[k] -> is_busy = 1
        :: else
        fi;
#ifdef DEAD
        if
        :: dead[k] == 2 -> is_busy = 1
        :: else
        fi;
#endif
        n = n + (status[k] == ACTIVE)
    }
    if
    :: is_busy
    :: else ->
        assert (g_left + n == total); /* nothing leaked, nothing given back twice */
        for (k : 0 .. RIDS - 1) {
            assert ((g_rid[k] == HELD) == (status[k] == ACTIVE));
            if
            :: answered[k] && !may_lose[k] -> assert (status[k] != NONE && status[k] != REJECTED) /* what a 201 promises */
            :: else
            fi
        }
    fi;
    n = 0;
    k = 0;
    is_busy = 0
}

/* -------------------------------------------------------------------------- schema/lua */

inline gate_reserve (r)
{
    g_left--;
    g_rid[r] = HELD;
    g_entry[r] = 1;
    answered[r] = g_epoch;
    may_lose[r] = 0;
#ifndef LIAR
    assert (!IS_FINAL (status[r])) /* a key that is over is not granted anew */
#endif
}

inline gate_close (a_token)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: else ->
        g_rec = 1;
        g_run = 1;
        g_token = a_token;
#ifdef NUMBERED
        g_closing++;
#endif
        code = DONE
    fi
}

/* with epoch_page, which reads one fixed snapshot */
inline gate_load (a_epoch, a_token, a_closing)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: else ->
        if
        :: !g_rec || !g_run || (TOKEN && g_token < a_token) || !IS_CLOSING (a_closing) -> code = RECOVERING
        :: else ->
            if
            :: a_epoch <= g_epoch -> code = STALE /* only WITHOUT_INORDER */
            :: else ->
                for (i : 0 .. RIDS - 1) {
                    g_loaded[i] = (g_loading == a_epoch -> g_loaded[i] : 0);
                    if
                    :: g_loaded[i] == 0 && status[i] != NONE && row_epoch[i] < a_epoch ->
                        if
                        :: final_epoch[i] == 0 || (STABLE && final_epoch[i] >= a_epoch) -> g_loaded[i] = HELD
                        :: else -> g_loaded[i] = (KEEPFINAL -> RELEASED : 0)
                        fi
                    :: else
                    fi
                }
                g_loading = a_epoch;
                code = DONE
            fi
        fi
    fi;
    i = 0
}

inline gate_open (a_epoch, a_token, a_left, a_closing)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: else ->
        if
        :: !g_run || (TOKEN && g_token < a_token) || !IS_CLOSING (a_closing) -> code = RECOVERING
        :: else ->
            if
            :: !g_rec -> code = (g_epoch == a_epoch -> DONE : RECOVERING)
            :: g_rec && a_epoch <= g_epoch -> code = STALE /* only WITHOUT_INORDER */
            :: else ->
                for (i : 0 .. RIDS - 1) {
                    g_rid[i] = (g_loading == a_epoch -> g_loaded[i] : 0);
                    g_loaded[i] = 0;
                    g_entry[i] = 0;
#ifdef DEAD
                    g_note[i] = 0;
                    g_refused[i] = 0;
#endif
                }
                g_loading = 0;
                g_epoch = a_epoch;
                g_left = a_left;
                g_here = 1;
                g_rec = 0;
                g_token = a_token;
#ifdef OPERATOR
                g_want = want;
#endif
#ifdef ADD
                g_more = 0;
#endif
#ifdef TAKE
                g_less = 0;
#endif
                code = DONE
            fi
        fi
    fi;
    i = 0
}

inline gate_release (r, a_epoch, a_token, a_place)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: (!TOKEN || g_token <= a_token) && (RELGATE -> !(IS_OPEN && a_epoch == g_epoch) : !g_here) -> code = RECOVERING
    :: else ->
        code = DONE;
        if
        :: !CASREL -> g_left++; g_rid[r] = RELEASED /* only WITHOUT_CASREL */
        :: CASREL && g_rid[r] == HELD ->
#ifdef DEAD
            if
            :: PLACE && g_note[r] > a_place
            :: else ->
                g_note[r] = (g_note[r] -> a_place : 0);
                g_refused[r] = 0;
                g_left++;
                g_rid[r] = RELEASED
            fi
#else
            g_left++;
            g_rid[r] = RELEASED
#endif
        :: else
        fi
    fi
}

#ifdef ADD
inline gate_more (a_epoch, a_token)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: (!TOKEN || g_token <= a_token) && !IS_OPEN -> code = RECOVERING
    :: else ->
        if
        :: STAMP && g_epoch > a_epoch -> code = STALE
        :: STAMP && g_epoch < a_epoch -> code = RECOVERING /* only WITHOUT_NAMES: no open gate is of an epoch before PostgreSQL's */
        :: else ->
            g_left = g_left + !(OPID && g_more);
            g_more = 1;
            g_token = a_token;
            code = DONE
        fi
    fi
}
#endif

#ifdef TAKE
inline gate_less (a_epoch, a_token)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: (!TOKEN || g_token <= a_token) && (!IS_OPEN || g_epoch < a_epoch) -> code = RECOVERING
    :: else ->
        if
        :: g_epoch > a_epoch -> code = STALE
        :: g_epoch == a_epoch && OPID && g_less == 1 -> code = DONE
        :: g_epoch == a_epoch && REFUSAL && g_less == 2 -> code = REFUSED
        :: else ->
            g_token = a_token;
            if
            :: g_left > 0 -> g_left--; g_less = 1; code = DONE
            :: else -> g_less = 2; code = REFUSED
            fi
        fi
    fi
}
#endif

#ifdef DEAD
inline gate_readmit (r, a_epoch, a_token, a_mark)
{
    if
    :: TOKEN && g_token > a_token -> code = FENCED
    :: (!TOKEN || g_token <= a_token) && (!IS_OPEN || g_epoch < a_epoch) -> code = RECOVERING
    :: else ->
        if
        :: g_epoch > a_epoch -> code = STALE
        :: g_epoch <= a_epoch && NOTE && g_note[r] > a_mark -> code = LATE
        :: g_epoch <= a_epoch && REFUSAL && g_note[r] == a_mark && g_refused[r] -> code = REFUSED
        :: else ->
            g_token = a_token;
            g_note[r] = a_mark;
            g_refused[r] = 0;
            if
            :: g_rid[r] == HELD -> code = DONE
            :: g_rid[r] == RELEASED && g_left > 0 && (OTHER (r) == r || g_rid[OTHER (r)] != HELD) ->
                g_left--;
                g_rid[r] = HELD;
                code = DONE
            :: else -> g_refused[r] = 1; code = REFUSED
            fi
        fi
    fi
}
#endif

/* -------------------------------------------------------------------------- schema/sql */

/* INSERT INTO release_box … ON CONFLICT DO NOTHING */
inline box_put (r)
{
    if
    :: box[r] == 0 -> NEXT_PLACE (r)
    :: else
    fi
}

inline order_write (r, a_epoch)
{
    if
    :: status[r] != NONE ->
        if
        :: FINREL && IS_FINAL (status[r]) && a_epoch == epoch -> box_put (r)
        :: else
        fi
    :: status[r] == NONE && FENCE && a_epoch != epoch
    :: else ->
        row_epoch[r] = a_epoch;
        if
        :: (!GUARD || sold < total) && (OTHER (r) == r || status[OTHER (r)] != ACTIVE) -> status[r] = ACTIVE; sold++
        :: else -> status[r] = REJECTED; final_epoch[r] = epoch; box_put (r)
        fi
    fi;
    check_books ()
}

inline order_finish (r)
{
    status[r] = CANCELLED;
    final_epoch[r] = epoch;
    sold--;
    box_put (r);
    check_books ()
}

inline epoch_bump (a_token, a_epoch)
{
    if
    :: PGTOKEN && epoch_token > a_token -> code = FENCED
    :: (!PGTOKEN || epoch_token <= a_token) && NAMES && epoch != a_epoch -> code = STALE
    :: else ->
        epoch++;
        epoch_token = a_token;
        code = DONE
    fi
}

/* lease_is_held: a former leader's is refused */
inline release_done (r, a_place, a_token)
{
    if
    :: (a_token == token || !TOKEN) && (box[r] == a_place || !DONEPLACE) -> box[r] = 0
    :: else
    fi
}

#ifdef TAKE
inline stock_done (a_epoch, a_token, a_code)
{
    if
    :: less != 1 || (TOKEN && a_token != token)
    :: less == 1 && (!TOKEN || a_token == token) && ((STAMP && a_code == DONE && epoch != a_epoch) ||
                                                       (STOCKEP && a_code != DONE && epoch != a_epoch))
    :: else ->
        if
        :: a_code == DONE && sold < total -> total--; less = 2
        :: else -> less = 3
        fi;
        less_epoch = 0
    fi;
    check_books ()
}
#endif

#ifdef DEAD
inline order_reject (r, a_epoch)
{
    if
    :: status[r] == NONE && a_epoch == epoch ->
        deads++;
        status[r] = POISON;
        row_epoch[r] = a_epoch;
        final_epoch[r] = epoch;
        dead[r] = 1;
        box_put (r)
    :: IS_FINAL (status[r]) && a_epoch == epoch -> box_put (r)
    :: else
    fi
}

inline dead_begin (r)
{
    dead[r] = 2;
    box[r] = (mark[r] -> 0 : box[r]);
    if
    :: box[r] == 0 || !BOXFIRST ->
        places[r] = places[r] + 2 - (places[r] & 1);
        mark[r] = places[r]
    :: else /* busy */
    fi
}

inline order_readmit (r, a_epoch, a_token, a_mark, a_code)
{
    if
    :: dead[r] != 2 || mark[r] != a_mark || (READMITEP && epoch != a_epoch) || (TOKEN && a_token != token)
    :: else ->
        box[r] = 0;
        mark[r] = 0;
        if
        :: a_code == DONE && sold < total && (OTHER (r) == r || status[OTHER (r)] != ACTIVE) ->
            status[r] = ACTIVE;
            sold++;
            final_epoch[r] = 0;
            dead[r] = 3
        :: else ->
            dead[r] = 1;
            if
            :: a_code == DONE -> places[r] = places[r] + 1; box[r] = places[r] /* only WITHOUT_GUARD: PostgreSQL has what the gate had */
            :: else
            fi
        fi
    fi;
    check_books ()
}
#endif

/* -------------------------------------------------------------------------- one key of one shopper: from the purchase to the end */

active [RIDS] proctype Key ()
{
    byte r = _pid, code, n, k;
end:
    do
    :: d_step {
        IS_OPEN && IS_WANTED && g_rid[r] == 0 && (OTHER (r) == r || g_rid[OTHER (r)] != HELD) && g_left > 0 ->
        gate_reserve (r)
    }

    /* broker and ordering: delivered, also again and again; lost with ordering; committed, and the acknowledgement lost or not */
    :: d_step {
        g_here && g_entry[r] && held_by[r] == 0 -> held_by[r] = g_epoch;
#ifdef WITHOUT_ACKCOMMIT
        g_entry[r] = 0
#endif
    }
    :: d_step { held_by[r] -> held_by[r] = 0 }
    :: d_step { held_by[r] -> order_write (r, held_by[r]); held_by[r] = 0 }
    :: d_step {
        held_by[r] ->
        order_write (r, held_by[r]);
        if
        :: g_epoch == held_by[r] -> g_entry[r] = 0 /* journal_delete */
        :: else
        fi;
        held_by[r] = 0
    }
#ifdef LOSSES
    :: d_step { held_by[r] == epoch && kept_by[r] == 0 -> kept_by[r] = held_by[r]; held_by[r] = 0 }
    :: d_step {
        kept_by[r] ->
#ifdef REACH_STALE_ENTRY
        REACHED (kept_by[r] != epoch && status[r] == NONE);
#endif
        order_write (r, kept_by[r]);
        kept_by[r] = 0
    }
#endif

    /* the shopper cancels, or the time to pay is over, or the provider gives the money back */
    :: d_step { status[r] == ACTIVE -> order_finish (r) }

    /* the relay: release_list, gate_release, release_done, of which each may not come through */
    :: d_step {
        IS_LISTED (r) && (!RELGATE || IS_OPEN) && RELAY_IS_FREE ->
        gate_release (r, g_epoch, token, box[r]);
        if
        :: code == DONE -> release_done (r, box[r], token)
        :: else
        fi;
        code = 0
    }
#if COPIES > 0
    :: d_step { IS_LISTED (r) && IS_OPEN && CAN_COPY -> COPY (RELEASE, g_epoch, box[r]); late_rid = r }
#ifdef DEAD
    :: d_step { IS_LISTED (r) && IS_OPEN && CAN_COPY -> COPY (LIST, g_epoch, box[r]); late_rid = r }
    :: d_step {
        IS_LISTED (r) && IS_OPEN && CAN_COPY ->
        COPY (RELEASE_DONE, 0, box[r]);
        late_rid = r;
        gate_release (r, g_epoch, token, box[r]);
        code = 0
    }
#endif
#endif

#ifdef CANCEL
    /* HOLDING_GET at the gate, then ORDER_CANCEL with what it said */
#ifdef LIAR
    :: d_step { status[r] == NONE && cancel_epoch[r] == 0 && IS_OPEN -> cancel_epoch[r] = g_epoch }
#else
    :: d_step { status[r] == NONE && cancel_epoch[r] == 0 && IS_OPEN && g_rid[r] == HELD -> cancel_epoch[r] = g_epoch }
#endif
    :: d_step {
        cancel_epoch[r] != 0 ->
        if
        :: status[r] == ACTIVE -> order_finish (r)
        :: status[r] == NONE && (cancel_epoch[r] == epoch || !TOMBHELD) ->
#ifdef REACH_TOMBSTONE
            REACHED (g_epoch == epoch && g_entry[r]);
#endif
            status[r] = CANCELLED;
            row_epoch[r] = cancel_epoch[r];
            final_epoch[r] = epoch;
            box_put (r)
        :: else
        fi;
        cancel_epoch[r] = 0
    }
#endif

#ifdef DEAD
    /* over the delivery limit: REJECT; the acknowledgement may be lost */
    :: d_step { held_by[r] && (deads < DEAD || status[r] != NONE) -> order_reject (r, held_by[r]); held_by[r] = 0 }
    :: d_step {
        held_by[r] && (deads < DEAD || status[r] != NONE) ->
        order_reject (r, held_by[r]);
        if
        :: g_epoch == held_by[r] -> g_entry[r] = 0
        :: else
        fi;
        held_by[r] = 0
    }
    /* an operator's wish; the leader begins an attempt, or a new one where it does not know how the last one went */
    :: d_step { dead[r] == 1 && places[r] < PLACES - 2 -> dead_begin (r); try_mark[r] = mark[r]; try_epoch[r] = epoch }
    :: d_step {
        dead[r] == 2 && (try_mark[r] == 0 || try_epoch[r] != epoch) && places[r] < PLACES ->
        dead_begin (r);
        try_mark[r] = mark[r];
        try_epoch[r] = epoch;
        try_code[r] = 0
    }
    :: d_step {
        try_mark[r] && try_code[r] == 0 ->
        gate_readmit (r, try_epoch[r], token, try_mark[r]);
        try_code[r] = (code == DONE || code == REFUSED || (!DECIDED && code == RECOVERING) -> code + 1 : 0);
        code = 0
    }
    :: d_step {
        try_mark[r] && try_code[r] ->
#ifdef REACH_READMITTED
        REACHED (dead[r] == 2 && try_code[r] == 1 && epoch == try_epoch[r] && epoch > 1);
#endif
        order_readmit (r, try_epoch[r], token, try_mark[r], try_code[r] - 1);
        try_mark[r] = 0;
        try_epoch[r] = 0;
        try_code[r] = 0
    }
#if COPIES > 0
    :: d_step { dead[r] == 1 && CAN_COPY -> COPY (DEAD_BEGIN, 0, 0); late_rid = r }
    :: d_step { dead[r] == 2 && CAN_COPY -> COPY (DEAD_BEGIN, 0, 0); late_rid = r }
    :: d_step { try_mark[r] && try_code[r] == 0 && CAN_COPY -> COPY (READMIT, try_epoch[r], try_mark[r]); late_rid = r }
    :: d_step {
        try_mark[r] && try_code[r] && CAN_COPY ->
        COPY (ORDER_READMIT, try_epoch[r], try_mark[r]);
        late_rid = r;
        late_code = try_code[r] - 1
    }
#endif
#endif
    od
}

/* -------------------------------------------------------------------------- the leader: recovery.c, gates.c, operators' changes */

active proctype Leader ()
{
    byte code, i, n, k;
end:
    do
    /* the table is loaded anew; looks at the gate */
    :: d_step { phase == IDLE && known_epoch != epoch -> known_epoch = epoch }
    :: d_step { phase == IDLE && (!g_here || !RUN_OK || g_rec || g_epoch != known_epoch) -> phase = CLOSING }
    :: d_step {
        phase == CLOSING && COMES_NEXT ->
        gate_close (token);
#ifdef NUMBERED
        my_closing = g_closing;
#endif
        if
        :: code != DONE
        :: code == DONE && (!g_here || IS_DRAINED || g_epoch < known_epoch || !DRAIN) -> phase = BUMPING
        :: else -> phase = DRAINING
        fi;
        code = 0
    }
    :: d_step { phase == DRAINING && !(g_run && g_rec) -> phase = CLOSING }
    :: d_step { phase == DRAINING && g_run && g_rec && (IS_DRAINED || g_epoch < known_epoch) -> phase = BUMPING }
    :: d_step {
        phase == BUMPING ->
#ifdef WITHOUT_REBUMP
        if
        :: epoch > g_epoch -> code = DONE
        :: else -> epoch_bump (token, known_epoch)
        fi;
#else
        epoch_bump (token, known_epoch);
#endif
        if
        :: code == DONE -> new_epoch = epoch; new_left = total - sold; known_epoch = epoch; phase = LOADING
        :: code == STALE -> known_epoch = epoch
        :: else
        fi;
        code = 0
    }
    :: d_step {
        phase == LOADING && COMES_NEXT ->
        gate_load (new_epoch, token, my_closing);
        phase = (code == DONE -> OPENING : CLOSING);
        code = 0
    }
    :: d_step {
        phase == OPENING && COMES_NEXT ->
        gate_open (new_epoch, token, new_left, my_closing);
        phase = (code == DONE -> IDLE : CLOSING);
        new_epoch = 0;
        new_left = 0;
        code = 0
    }

#if TAKEOVERS > 0
    /* another leader; it makes itself known to the gate (gate_update of an equal version) */
    :: d_step {
        takeovers < TAKEOVERS ->
        takeovers++;
        token++;
        phase = IDLE;
        known_epoch = epoch;
        new_epoch = 0;
        new_left = 0;
#ifdef DEAD
        for (i : 0 .. RIDS - 1) {
            try_mark[i] = 0;
            try_epoch[i] = 0;
            try_code[i] = 0
        }
        i = 0;
#endif
#ifdef TAKE
        less_code = 0;
        less_asked = 0
#endif
    }
    :: d_step { phase == IDLE && IS_OPEN && g_token < token -> g_token = token }
#endif

#ifdef NUMBERED
#define NAME_CLOSING late_closing = my_closing
#else
#define NAME_CLOSING skip
#endif
#if COPIES > 0
    /* sent and not answered: the leader asks again, or is followed by another, and the call is still under way */
    :: d_step { phase == CLOSING && CAN_COPY -> COPY (CLOSE, 0, 0) }
    :: d_step { phase == BUMPING && CAN_COPY -> COPY (BUMP, known_epoch, 0) }
    :: d_step { phase == LOADING && CAN_COPY -> COPY (LOAD, new_epoch, 0); NAME_CLOSING }
    :: d_step { phase == OPENING && CAN_COPY -> COPY (OPEN, new_epoch, new_left); NAME_CLOSING }
    :: d_step { late_what != NOTHING && late_what <= OPEN -> FORGET } /* lost with its connection */
    :: d_step { late_what == CLOSE -> gate_close (late_token); code = 0; FORGET }
    :: d_step { late_what == BUMP -> epoch_bump (late_token, late_epoch); code = 0; FORGET }
    :: d_step { late_what == LOAD -> gate_load (late_epoch, late_token, late_closing); code = 0; FORGET }
    :: d_step {
        late_what == OPEN ->
        gate_open (late_epoch, late_token, late_arg, late_closing);
#ifdef REACH_FENCED
        REACHED (code == FENCED && phase == LOADING);
#endif
        code = 0;
        FORGET
    }
    :: d_step { late_what == RELEASE -> gate_release (late_rid, late_epoch, late_token, late_arg); code = 0; FORGET }
#ifdef DEAD
    :: d_step {
        late_what == LIST ->
        late_epoch = (late_token == token -> g_epoch : late_epoch); /* the leader names what its gate has by then, a former one what it knew */
        gate_release (late_rid, late_epoch, late_token, late_arg);
        code = 0;
        FORGET
    }
    :: d_step { late_what == RELEASE_DONE -> release_done (late_rid, late_arg, late_token); FORGET }
    :: d_step {
        late_what == DEAD_BEGIN ->
        if
        :: (dead[late_rid] == 1 || dead[late_rid] == 2) && places[late_rid] < PLACES - 2 -> dead_begin (late_rid)
        :: else
        fi;
        FORGET
    }
    :: d_step { late_what == READMIT -> gate_readmit (late_rid, late_epoch, late_token, late_arg); code = 0; FORGET }
    :: d_step { late_what == ORDER_READMIT -> order_readmit (late_rid, late_epoch, late_token, late_arg, late_code); FORGET }
#endif
#ifdef ADD
    :: d_step { late_what == MORE -> gate_more (late_epoch, late_token); code = 0; FORGET }
#endif
#ifdef TAKE
    :: d_step { late_what == LESS -> gate_less (late_epoch, late_token); code = 0; FORGET }
    :: d_step { late_what == STOCK_DONE -> stock_done (late_epoch, late_token, late_code); FORGET }
#endif
#endif

#ifdef ADD
    /* PostgreSQL first, stamped with the epoch; then the gate of that epoch. A later gate was built with it. */
    :: d_step { more == 0 -> total++; more = 1; more_epoch = epoch }
    :: d_step {
        more == 1 ->
        gate_more (more_epoch, token);
        more = (code == DONE || code == STALE -> 2 : 1);
        code = 0
    }
#if COPIES > 0
    :: d_step { more == 1 && IS_OPEN && CAN_COPY -> COPY (MORE, more_epoch, 0) }
#endif
#endif

#ifdef TAKE
    /* the gate first; then PostgreSQL in that epoch, otherwise begun again at the gate of the new one */
    :: d_step { less == 0 -> less = 1; less_epoch = epoch }
    :: d_step { less == 1 && less_code == 0 && less_epoch != epoch -> less_epoch = epoch }
    :: d_step {
        less == 1 && less_code == 0 ->
        gate_less (less_epoch, token);
        if
        :: code == DONE || code == REFUSED -> less_code = code + 1; less_asked = less_epoch
        :: else
        fi;
        code = 0
    }
    :: d_step {
        less_code != 0 ->
        stock_done (less_asked, token, less_code - 1);
        less_code = 0;
        less_asked = 0
    }
#if COPIES > 0
    :: d_step { less == 1 && less_code == 0 && CAN_COPY -> COPY (LESS, less_epoch, 0) }
    :: d_step {
        less_code != 0 && CAN_COPY ->
        COPY (STOCK_DONE, less_asked, 0);
        late_code = less_code - 1;
        less_code = 0;
        less_asked = 0
    }
#endif
#endif

#ifdef OPERATOR
    /* PostgreSQL first; gate_update leaves a closed gate alone, the opening brings the change with it */
    :: d_step {
        changes_left > 0 ->
        changes_left--;
        want = !want;
#ifdef WITHOUT_SEPARATE
        g_want = want;
        g_rec = !want
#endif
    }
#ifndef WITHOUT_SEPARATE
    :: d_step { g_want != want && IS_OPEN -> g_want = want }
#endif
#endif
    od
}

/* -------------------------------------------------------------------------- faults */

/* calls that Redis had not read die with it */
inline late_dies ()
{
#if COPIES > 0
    if
    :: late_what != NOTHING && late_what <= LAST_AT_GATE -> FORGET
    :: else
    fi
#else
    skip
#endif
}

inline lose ()
{
    for (i : 0 .. RIDS - 1) {
        may_lose[i] = may_lose[i] || g_entry[i]
    }
    i = 0
}

#if defined (WITHOUT_ALWAYS) || defined (OLDFILE)
inline save ()
{
    for (i : 0 .. RIDS - 1) {
        d_rid[i] = g_rid[i];
        d_entry[i] = g_entry[i]
    }
    i = 0;
    d_rec = g_rec;
    d_epoch = g_epoch;
    d_token = g_token;
    d_left = g_left
}

inline restore ()
{
    for (i : 0 .. RIDS - 1) {
        g_rid[i] = d_rid[i];
        g_entry[i] = d_entry[i];
        g_loaded[i] = 0
    }
    i = 0;
    g_rec = d_rec;
    g_epoch = d_epoch;
    g_token = d_token;
    g_left = d_left;
    g_loading = 0
}
#endif

active proctype Faults ()
{
    byte i, n, k;
    bit is_busy;
end:
    do
#ifdef WITHOUT_ALWAYS
    :: d_step { crashes < CRASHES -> save () }
    :: d_step { crashes < CRASHES -> crashes++; g_run = 0; restore (); late_dies () }
#elif CRASHES > 0
    :: d_step { crashes < CRASHES -> crashes++; g_run = 0; late_dies () }
#endif
#ifdef OLDFILE
    :: d_step { wipes < 1 -> save () }
    :: d_step { wipes < 1 -> wipes++; g_run = 0; lose (); restore (); late_dies () }
#endif
#if WIPES > 0
    :: d_step {
        wipes < WIPES && g_here ->
        wipes++;
        lose ();
        for (i : 0 .. RIDS - 1) {
            g_rid[i] = 0;
            g_entry[i] = 0;
            g_loaded[i] = 0
        }
        i = 0;
        g_here = 0;
        g_run = 0;
        g_rec = 0;
        g_epoch = 0;
        g_token = 0;
        g_left = 0;
        g_loading = 0
    }
#endif
#ifdef HAND
    :: d_step { wipes < HAND && g_here -> wipes++; g_left++ }
#else
    :: d_step {
        IS_OPEN && phase == IDLE ->
#ifdef REACH_REST
        REACHED (IS_DRAINED && epoch > 1 && sold == UNITS && known_epoch == epoch);
#endif
        check_rest ()
    }
#endif
    :: timeout -> assert (IS_OPEN && phase == IDLE); break /* it never stays closed */
    od
}
