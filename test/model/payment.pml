/*  Payments of one order: two payments (two keys), a provider that takes money, declines, changes its mind, gives back, and tells by webhooks that
    come twice, late and in any order; the shopper's cancel or the end of the time to pay. schema/sql/007_order_changes.sql.

    Rules, all on; -DWITHOUT_<RULE> takes one away:
      ROWFIRST   the payment's row is committed before the provider hears of it
      SAMEID     the provider gets the same id for the same payment, however often it is told; else it takes the money again
      LOCK       an event is looked up and taken under the lock of the sale; else the order may move in between
      PAIDCAS    captured makes the order paid only where it waits for payment
      PAYCAS     captured moves only a payment that is pending or declined
      DECLINECAS declined moves only a pending payment
      LATECAPTURE captured counts also after declined
      CANCELCAS  only an order that waits for payment is cancelled or expires
      REFUNDDUE  money that came and is not wanted is refund_due; else the payment is just captured
      AGAIN      a refund is told until the provider says refunded; else once
      EARLY      refunded is remembered also where its captured did not come yet
      BACK       when the provider gives back what a paid order had, its units come back

    Claims: at most one payment of an order is captured, always. When all is told: the order is paid if and only if one payment is captured, and its money
    is there; all other money that was taken was given back; nothing was taken or given back twice; units came back once if the order is over. */

#ifdef WITHOUT_ROWFIRST
#define ROWFIRST 0
#else
#define ROWFIRST 1
#endif
#ifdef WITHOUT_SAMEID
#define SAMEID 0
#else
#define SAMEID 1
#endif
#ifdef WITHOUT_PAIDCAS
#define PAIDCAS 0
#else
#define PAIDCAS 1
#endif
#ifdef WITHOUT_PAYCAS
#define PAYCAS 0
#else
#define PAYCAS 1
#endif
#ifdef WITHOUT_DECLINECAS
#define DECLINECAS 0
#else
#define DECLINECAS 1
#endif
#ifdef WITHOUT_LATECAPTURE
#define LATECAPTURE 0
#else
#define LATECAPTURE 1
#endif
#ifdef WITHOUT_CANCELCAS
#define CANCELCAS 0
#else
#define CANCELCAS 1
#endif
#ifdef WITHOUT_REFUNDDUE
#define REFUNDDUE 0
#else
#define REFUNDDUE 1
#endif
#ifdef WITHOUT_AGAIN
#define AGAIN 0
#else
#define AGAIN 1
#endif
#ifdef WITHOUT_EARLY
#define EARLY 0
#else
#define EARLY 1
#endif

/* orders.status */
#define WAITS 1
#define PAID 2
#define OVER 3     /* cancelled, expired */
#define REFUNDED_ORDER 4
/* payment.status */
#define NONE 0
#define PENDING 1
#define CAPTURED 2
#define DECLINED 3
#define REFUND_DUE 4
#define REFUNDED 5
/* at the provider */
#define NOTHING 0
#define TAKEN 1
#define REFUSED 2
#define GIVEN_BACK 3

byte order = WAITS;
byte returns; /* of the order's units */
byte payment[2], provider[2], taken_count[2], given_count[2];
bit charge[2], refund[2];  /* told, and not carried out yet */
bit was_told[2];           /* the refund, at least once */
bit untold_captured[2], untold_declined[2], untold_refunded[2]; /* webhooks that are sent until they are answered by 2xx */
bit seen_captured[2], seen_declined[2], seen_refunded[2];       /* sent at all: a copy may come at any time */
byte reading[2];           /* without LOCK: 1 + order.status as an event found it */
bit changed_mind, provider_gave_back;

#define QUIET(p) \
    (!untold_captured[p] && !untold_declined[p] && !untold_refunded[p] && !charge[p] && !refund[p] && payment[p] != REFUND_DUE && !reading[p])

/* what a refund that is due, and a webhook that is not answered, can still come from */
#define CAN_GO_ON(p) \
    ((payment[p] != REFUND_DUE || refund[p] || AGAIN || !was_told[p] || provider[p] == GIVEN_BACK) && \
     (ROWFIRST || !untold_captured[p] || payment[p] != NONE || order == WAITS))

inline order_over (to)
{
    order = to;
    returns++
}

/* payment_event_take, captured */
inline take_captured (p, found)
{
    if
    :: payment[p] == PENDING || (payment[p] == DECLINED && LATECAPTURE) || (!PAYCAS && payment[p] != NONE) ->
        if
        :: found == WAITS || !PAIDCAS -> payment[p] = CAPTURED; order = PAID
        :: found != WAITS && PAIDCAS -> payment[p] = (REFUNDDUE -> REFUND_DUE : CAPTURED)
        fi
    :: else
    fi;
    assert (!(payment[0] == CAPTURED && payment[1] == CAPTURED)) /* unique index payment_captured */
}

inline take_declined (p)
{
    payment[p] = (payment[p] == PENDING || !DECLINECAS -> DECLINED : payment[p])
}

inline take_refunded (p)
{
    if
    :: payment[p] == CAPTURED ->
        payment[p] = REFUNDED;
#ifndef WITHOUT_BACK
        if
        :: order == PAID -> order_over (REFUNDED_ORDER)
        :: else
        fi
#endif
    :: payment[p] == REFUND_DUE -> payment[p] = REFUNDED
    :: (payment[p] == PENDING || payment[p] == DECLINED) && EARLY -> payment[p] = REFUNDED
    :: else
    fi
}

active [2] proctype Payment ()
{
    byte p = _pid;
end:
    do
    /* payment_create, and the charge, at once and again (payment_due) */
    :: d_step { ROWFIRST && payment[p] == NONE && order == WAITS -> payment[p] = PENDING }
    :: d_step { !ROWFIRST && payment[p] == NONE && order == WAITS -> charge[p] = 1 } /* only WITHOUT_ROWFIRST */
    :: d_step { !ROWFIRST && payment[p] == NONE && order == WAITS && provider[p] == NOTHING && charge[p] -> payment[p] = PENDING } /* only WITHOUT_ROWFIRST */
    :: d_step { payment[p] == PENDING && order == WAITS && !charge[p] -> charge[p] = 1 }
    :: d_step { payment[p] == REFUND_DUE && !refund[p] && (AGAIN || !was_told[p]) -> refund[p] = 1; was_told[p] = 1 }
    /* lost with a process */
    :: d_step { charge[p] -> charge[p] = 0 }
    :: d_step { refund[p] -> refund[p] = 0 }

    /* the provider */
    :: atomic {
        charge[p] ->
        charge[p] = 0;
        if
        :: provider[p] == NOTHING -> provider[p] = REFUSED; untold_declined[p] = 1; seen_declined[p] = 1
        :: provider[p] == NOTHING || (!SAMEID && taken_count[p] < 2) ->
            provider[p] = TAKEN;
            taken_count[p]++;
            untold_captured[p] = 1;
            seen_captured[p] = 1
        :: else
        fi
    }
    :: d_step {
        provider[p] == REFUSED && !changed_mind ->
        changed_mind = 1;
        provider[p] = TAKEN;
        taken_count[p]++;
        untold_captured[p] = 1;
        seen_captured[p] = 1
    }
    :: d_step {
        refund[p] ->
        refund[p] = 0;
        if
        :: provider[p] == TAKEN || (!SAMEID && given_count[p] < 2) ->
            provider[p] = GIVEN_BACK;
            given_count[p]++;
            untold_refunded[p] = 1;
            seen_refunded[p] = 1
        :: else
        fi
    }
    :: d_step {
        provider[p] == TAKEN && !provider_gave_back -> /* of itself */
        provider_gave_back = 1;
        provider[p] = GIVEN_BACK;
        given_count[p]++;
        untold_refunded[p] = 1;
        seen_refunded[p] = 1
    }

    /* webhooks: until they are answered, and copies whenever they like. Without a row: answered 503, to come again. */
#ifdef WITHOUT_LOCK
    :: d_step { seen_captured[p] && payment[p] != NONE && !reading[p] -> reading[p] = 1 + order }
    :: d_step {
        reading[p] ->
        take_captured (p, (reading[p] - 1));
        reading[p] = 0;
        untold_captured[p] = 0
    }
#else
    :: d_step {
        seen_captured[p] && payment[p] != NONE ->
#ifdef REACH_CAPTURE_AFTER_END
        assert (!(order == OVER && payment[p] == PENDING));
#endif
#ifdef REACH_SECOND_CAPTURE
        assert (!(order == PAID && payment[p] == PENDING));
#endif
#ifdef REACH_OVERTAKEN
        assert (payment[p] != REFUNDED || !untold_captured[p]);
#endif
        take_captured (p, order);
        untold_captured[p] = 0
    }
#endif
    :: d_step { seen_declined[p] && payment[p] != NONE -> take_declined (p); untold_declined[p] = 0 }
    :: d_step { seen_refunded[p] && payment[p] != NONE -> take_refunded (p); untold_refunded[p] = 0 }
    od
}

active proctype Order ()
{
    byte p, kept;
end:
    do
    /* order_cancel, order_expire */
    :: d_step { (order == WAITS || (!CANCELCAS && order == PAID)) && returns < 3 -> order_over (OVER) }
    :: d_step {
        QUIET (0) && QUIET (1) ->
        kept = 0;
        for (p : 0 .. 1) {
            kept = kept + (payment[p] == CAPTURED);
            assert (taken_count[p] <= 1 && given_count[p] <= taken_count[p]);
            assert ((payment[p] == CAPTURED) == (provider[p] == TAKEN)) /* its money is there, all other went back */
        }
        assert ((order == PAID) == (kept == 1));
        assert (returns == (order == OVER || order == REFUNDED_ORDER));
        p = 0;
        kept = 0
    }
    :: d_step { !CAN_GO_ON (0) || !CAN_GO_ON (1) -> assert (0) } /* money that is due is never forgotten */
    od
}
