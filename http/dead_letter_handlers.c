/*  Dead letters: journal entries that could not become orders, and what operators decide about them. Inventory does it. */

#include "handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool
s_is_readable (const dead_letter_t *letter)
{
    static const uint8_t nothing[RID_BYTES];
    return memcmp (letter->rid, nothing, sizeof nothing) != 0;
}

/*  The journal's entry as far as it could be read. */
static void
s_put_entry (text_t *text, const dead_letter_t *letter)
{
    char entry[48], order_id[ORDER_ID_TEXT_COUNT + 1];
    snprintf (entry, sizeof entry, "%" PRIu64 "-%" PRIu64, letter->entry_ms, letter->entry_seq);
    text_name (text, "message");
    text_puts (text, "{");
    text_field_id (text, "sale_id", letter->sale_id);
    text_field_number (text, "epoch", letter->epoch);
    text_field (text, "entry", entry);
    if (s_is_readable (letter)) {
        identity_text (letter->rid, order_id);
        text_field (text, "order_id", order_id);
    }
    text_field_id (text, "user_id", letter->user_id);
    text_field_number (text, "quantity", letter->quantity);
    text_field_number (text, "price_cents", letter->price_cents);
    text_field_number (text, "sequence", letter->sequence);
    text_field_number (text, "reserved_us", letter->reserved_us);
    text_field_number (text, "pay_before_us", letter->pay_before_us);
    text_puts (text, "}");
}

void
handle_dead_letter_list (exchange_t *self)
{
    query_t query = { .operator= 1, .after = exchange_cursor (self), .limit = PAGE_ROWS + 1 };
    text_t *text = &self->response.text;
    size_t count;
    memcpy (query.actor, self->token.username, sizeof query.actor);
    if (!exchange_is_valid (self))
        return;
    const dead_letter_t *letters =
        exchange_ask (self, MSG_DEAD_LIST, &query, MSG_DEAD_LETTERS, &count);
    if (!letters)
        return;
    response_begin (&self->response, 200);
    text_name (text, "dead_letters");
    text_puts (text, "[");
    for (size_t i = 0; i < count && i < PAGE_ROWS; i++) {
        text_comma (text);
        text_puts (text, "{");
        text_field_id (text, "id", letters[i].place);
        text_field (text, "reason", letters[i].reason);
        text_field_number (text, "attempts", letters[i].attempts);
        text_field_number (text, "at_ms", letters[i].at_us / 1000);
        s_put_entry (text, &letters[i]);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, count > PAGE_ROWS ? letters[PAGE_ROWS - 1].place : 0);
}

/*  Safe to repeat: what was decided is answered as done again, the opposite as invalid_state. */
void
handle_dead_letter_change (exchange_t *self)
{
    dead_change_t change = { .place = self->subject.place,
                             .requeue = strcmp (self->subject.last, "requeue") == 0 };
    memcpy (change.actor, self->token.username, sizeof change.actor);
    if (!exchange_is_valid (self) ||
        !exchange_ask_one (self, MSG_DEAD_CHANGE, &change, MSG_OUTCOME))
        return;
    response_begin (&self->response, 200);
    text_field_id (&self->response.text, "id", change.place);
    text_field (&self->response.text, "status", change.requeue ? "requeued" : "discarded");
}
