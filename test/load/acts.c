#include "acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*  Two queues, because all that waits waits equally long: each stays in the order of its times. */
typedef struct queue_t {
    act_t *acts; /* ring; capacity is a power of two */
    uint64_t capacity, first, next;
} queue_t;

struct acts_t {
    habits_t habits;
    queue_t now, later;
};

/* -------------------------------------------------------------------------- a queue */

static bool
s_queue_init (queue_t *self)
{
    self->capacity = 256;
    self->acts = malloc (self->capacity * sizeof *self->acts);
    return self->acts != NULL;
}

static void
s_push (queue_t *self, const act_t *act)
{
    if (self->next - self->first == self->capacity) {
        act_t *acts = malloc (self->capacity * 2 * sizeof *acts);
        if (!acts) {
            fprintf (stderr, "minishop-load: out of memory\n");
            exit (1);
        }
        for (uint64_t i = self->first; i < self->next; i++)
            acts[i & (self->capacity * 2 - 1)] = self->acts[i & (self->capacity - 1)];
        free (self->acts);
        self->acts = acts;
        self->capacity *= 2;
    }
    self->acts[self->next++ & (self->capacity - 1)] = *act;
}

static bool
s_pop (queue_t *self, uint64_t now_us, act_t *act)
{
    const act_t *first = &self->acts[self->first & (self->capacity - 1)];
    if (self->first == self->next || first->due_us > now_us)
        return false;
    *act = *first;
    self->first++;
    return true;
}

/* -------------------------------------------------------------------------- choices */

/*  0 … 999 by seed, shopper, key and question. Source: Steele, Lea, Flood: the finaliser of SplitMix64. */
static unsigned
s_draw (const acts_t *self, attempt_t attempt, unsigned question)
{
    uint64_t x = self->habits.seed * 0x9e3779b97f4a7c15ull + ((uint64_t)attempt.user << 32) +
                 ((uint64_t)attempt.key << 8) + question;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return (unsigned)((x ^ x >> 31) % 1000);
}

enum { QUESTION_WHAT, QUESTION_WHEN, QUESTION_TWICE, QUESTION_AGAIN, QUESTION_OUTCOME };

static act_outcome_t
s_outcome (const acts_t *self, attempt_t attempt, unsigned number)
{
    unsigned drawn = s_draw (self, attempt, QUESTION_OUTCOME + number);
    if (drawn < self->habits.decline_per_mille)
        return ACT_DECLINE;
    return drawn < self->habits.decline_per_mille + self->habits.hang_per_mille ? ACT_HANG
                                                                                : ACT_SUCCEED;
}

static void
s_queue (acts_t *self, act_t act, bool is_later, uint64_t now_us)
{
    is_later = is_later && self->habits.later_us > 0;
    act.due_us = now_us + (is_later ? self->habits.later_us : 0);
    s_push (is_later ? &self->later : &self->now, &act);
}

static void
s_follow_purchase (acts_t *self, act_t act, uint64_t now_us)
{
    unsigned drawn = s_draw (self, act.attempt, QUESTION_WHAT);
    bool is_later = s_draw (self, act.attempt, QUESTION_WHEN) < 500;
    unsigned only_pay = self->habits.pay_per_mille;
    unsigned only_one = only_pay + self->habits.cancel_per_mille;
    bool pays = drawn < only_pay ||
                (drawn >= only_one && drawn < only_one + self->habits.pay_and_cancel_per_mille);
    bool cancels = drawn >= only_pay && drawn < only_one + self->habits.pay_and_cancel_per_mille;
    unsigned payments =
        s_draw (self, act.attempt, QUESTION_TWICE) < self->habits.twice_per_mille ? 2 : 1;
    for (act.number = 0; pays && act.number < payments; act.number++) {
        act.kind = ACT_PAY;
        act.outcome = s_outcome (self, act.attempt, act.number);
        s_queue (self, act, is_later, now_us);
    }
    act.kind = ACT_CANCEL;
    act.number = 0;
    if (cancels)
        s_queue (self, act, is_later, now_us);
}

/* -------------------------------------------------------------------------- */

acts_t *
acts_new (const habits_t *habits)
{
    acts_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    self->habits = *habits;
    if (!s_queue_init (&self->now) || !s_queue_init (&self->later))
        acts_destroy (&self);
    return self;
}

void
acts_destroy (acts_t **self_p)
{
    if (*self_p) {
        free ((*self_p)->now.acts);
        free ((*self_p)->later.acts);
        free (*self_p);
        *self_p = NULL;
    }
}

void
acts_follow (acts_t *self, const act_t *done, unsigned status, const char *order_id,
             uint64_t now_us)
{
    act_t act = *done;
    bool is_first_key = done->attempt.key % PLAN_TOGETHER < ACT_KEY_AGAIN;
    if (done->kind == ACT_BUY && status == 201 && strlen (order_id) <= ACT_ORDER_BYTES_MAX) {
        snprintf (act.order_id, sizeof act.order_id, "%s", order_id);
        s_follow_purchase (self, act, now_us);
    } else if (done->kind == ACT_PAY && status == 201 && done->outcome == ACT_DECLINE) {
        act.number += 2; /* beyond the two that go out at once */
        act.outcome = ACT_SUCCEED;
        s_queue (self, act, true, now_us);
    } else if (done->kind == ACT_CANCEL && status == 200 && is_first_key &&
               s_draw (self, done->attempt, QUESTION_AGAIN) < self->habits.again_per_mille) {
        act.kind = ACT_BUY;
        act.attempt.key += ACT_KEY_AGAIN;
        s_queue (self, act, false, now_us);
    }
}

bool
acts_take (acts_t *self, uint64_t now_us, act_t *act)
{
    return s_pop (&self->now, now_us, act) || s_pop (&self->later, now_us, act);
}

uint64_t
acts_count (const acts_t *self)
{
    return self->now.next - self->now.first + self->later.next - self->later.first;
}

const char *
act_word (act_kind_t kind)
{
    static const char *const words[ACT_KINDS] = { "buy", "pay", "cancel" };
    return words[kind];
}

const char *
act_outcome_word (act_outcome_t outcome)
{
    static const char *const words[] = { "succeed", "decline", "hang" };
    return words[outcome];
}
