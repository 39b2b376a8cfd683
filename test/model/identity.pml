/*  Identity of a purchase. One key of shopper 0, sent to edge A, again to edge B with the same body, and once more with another quantity (a
    client that errs); shopper 1 uses the same key, shopper 0 also another one. Gate, order, cancel, release, rebuild of the gate.

    Rules, all on; -DWITHOUT_<RULE> takes one away:
      DERIVED    the order's id is a hash of (shopper, sale, key): every edge computes the same; else every request has its own
      SHOPPER    the shopper is in that hash
      RECORD     the gate answers a known id from its record, held or released; else only the shopper's slot protects
      BODY       a known id with another body is a mismatch; else the answer is that of the record
      KEEPFINAL  a rebuild installs final ids too
      SLOT       one active reservation per shopper

    Claims: one key is never two orders; one active order per shopper; a 201 says the quantity that was asked for; it names an order of the
    asker, whom nobody else's key refuses; a key whose order is over is not granted anew; at rest available + sold = stock.

    identity.c, gate_reserve.lua (pass two), epoch_page, gate_load.lua. */

#ifdef WITHOUT_DERIVED
#define ID(m) m
#elif defined (WITHOUT_SHOPPER)
#define ID(m) (m == 4 -> 4 : 0)
#else
#define ID(m) (m >= 3 -> m : 0)
#endif
#ifdef WITHOUT_RECORD
#define RECORD 0
#else
#define RECORD 1
#endif
#ifdef WITHOUT_BODY
#define BODY 0
#else
#define BODY 1
#endif
#ifdef WITHOUT_KEEPFINAL
#define KEEPFINAL 0
#else
#define KEEPFINAL 1
#endif
#ifdef WITHOUT_SLOT
#define SLOT 0
#else
#define SLOT 1
#endif

#define STOCK 4
#define MESSAGES 5 /* 0 at edge A · 1 the same at edge B · 2 another quantity · 3 of shopper 1 · 4 of shopper 0, with a new key */
#define OWNER(m) (m == 3)
#define QUANTITY(m) (m == 2 -> 2 : 1)

#define NONE 0
#define HELD 1
#define RELEASED 2
#define ACTIVE 1
#define FINAL 2

byte sent[MESSAGES]; /* 0 not yet, 1 under way; a message may be carried out again and again: resends, duplicates */
byte left = STOCK;
byte record[MESSAGES], owner[MESSAGES], units[MESSAGES]; /* at the gate, by id */
bit entry[MESSAGES];
byte order[MESSAGES]; /* in PostgreSQL */
byte ever[MESSAGES];  /* orders that the key of shopper 0 ever became: 1 = this id */
bit box[MESSAGES];
byte sold, rebuilds;

#define HAS_SLOT(m) \
    ((record[0] == HELD && owner[0] == OWNER (m)) || (record[1] == HELD && owner[1] == OWNER (m)) || \
     (record[2] == HELD && owner[2] == OWNER (m)) || (record[3] == HELD && owner[3] == OWNER (m)) || \
     (record[4] == HELD && owner[4] == OWNER (m)))

inline answer_201 (m, id)
{
    assert (units[id] == QUANTITY (m));
    assert (owner[id] == OWNER (m));
#ifdef REACH_REPLAY
    assert (!(m == 1 && order[id] == FINAL))
#endif
}

/* gate_reserve of message m */
inline gate_reserve (m)
{
    id = ID (m);
    if
    :: RECORD && record[id] != NONE ->
        if
        :: !BODY || (units[id] == QUANTITY (m) && owner[id] == OWNER (m)) -> answer_201 (m, id)
        :: else -> assert (owner[id] == OWNER (m)) /* idempotency_mismatch, and never with a stranger's key */
        fi
    :: (!RECORD || record[id] == NONE) && SLOT && HAS_SLOT (m) /* already_purchased */
    :: else ->
        if
        :: left >= QUANTITY (m) ->
            assert (order[id] != FINAL); /* a key that is over is not granted anew */
            left = left - QUANTITY (m);
            record[id] = HELD;
            owner[id] = OWNER (m);
            units[id] = QUANTITY (m);
            entry[id] = 1;
            answer_201 (m, id)
        :: else /* sold_out */
        fi
    fi;
    id = 0
}

#define WRITE(id) \
    if \
    :: order[id] == NONE -> \
        order[id] = ACTIVE; \
        sold = sold + units[id]; \
        ever[id] = (owner[id] == 0); \
        assert (ever[0] + ever[1] + ever[2] <= 1); /* one key, one order */ \
        assert (owner[id] == 1 || (order[0] == ACTIVE) + (order[1] == ACTIVE) + (order[2] == ACTIVE) + (order[4] == ACTIVE) <= 1) \
    :: else \
    fi
#define END(id) order[id] = FINAL; sold = sold - units[id]; box[id] = 1
#define RELEASE(id) \
    box[id] = 0; \
    if \
    :: record[id] == HELD -> record[id] = RELEASED; left = left + units[id] \
    :: else \
    fi

active [MESSAGES] proctype Message ()
{
    byte m = _pid, id;
end:
    do
    :: d_step { sent[m] == 0 -> sent[m] = 1 }
    :: d_step { sent[m] == 1 -> gate_reserve (m) }
    od
}

active proctype System ()
{
    byte i;
end:
    do
    /* order_write, order_cancel or expiry, gate_release: of any id */
    :: d_step { entry[0] -> entry[0] = 0; WRITE (0) }
    :: d_step { entry[1] -> entry[1] = 0; WRITE (1) } /* only WITHOUT_DERIVED */
    :: d_step { entry[2] -> entry[2] = 0; WRITE (2) } /* only WITHOUT_DERIVED */
    :: d_step { entry[3] -> entry[3] = 0; WRITE (3) }
    :: d_step { entry[4] -> entry[4] = 0; WRITE (4) }
    :: d_step { order[0] == ACTIVE -> END (0) }
    :: d_step { order[1] == ACTIVE -> END (1) } /* only WITHOUT_DERIVED */
    :: d_step { order[2] == ACTIVE -> END (2) } /* only WITHOUT_DERIVED */
    :: d_step { order[3] == ACTIVE -> END (3) }
    :: d_step { order[4] == ACTIVE -> END (4) }
    :: d_step { box[0] -> RELEASE (0) }
    :: d_step { box[1] -> RELEASE (1) } /* only WITHOUT_DERIVED */
    :: d_step { box[2] -> RELEASE (2) } /* only WITHOUT_DERIVED */
    :: d_step { box[3] -> RELEASE (3) }
    :: d_step { box[4] -> RELEASE (4) }
    /* a rebuild: the journal is drained, snapshot and opening are one step here (reservation.pml has them apart) */
    :: d_step {
        rebuilds < 2 && !entry[0] && !entry[1] && !entry[2] && !entry[3] && !entry[4] ->
        rebuilds++;
        left = STOCK - sold;
        for (i : 0 .. MESSAGES - 1) {
            record[i] = (order[i] == ACTIVE -> HELD : (order[i] == FINAL && KEEPFINAL -> RELEASED : NONE))
        }
        i = 0
    }
    :: d_step {
        !entry[0] && !entry[1] && !entry[2] && !entry[3] && !entry[4] && !box[0] && !box[1] && !box[2] && !box[3] && !box[4] ->
        assert (left + sold == STOCK)
    }
    od
}
