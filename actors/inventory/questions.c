/*  The table of questions: at most QUESTIONS_MAX, each closed exactly once. */

#include "questions.h"

#include "audit.h"

question_t *
questions_open (inventory_t *self)
{
    admin_t *admin = &self->admin;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        question_t *question = &admin->questions[i];
        if (question->stage != STAGE_FREE)
            continue;
        memset (question, 0, sizeof *question);
        question->stage = STAGE_STORE;
        question->opened_us = self->now_us;
        /* a little before the edge gives up, so that it can say why */
        question->deadline_us = self->now_us + self->params.query_deadline_ms * MS * 9 / 10;
        admin->question_count++;
        return question;
    }
    return NULL;
}

void
questions_close (inventory_t *self, question_t *question)
{
    CHECK (question->stage != STAGE_FREE);
    if (question->is_own)
        audit_rest (self, question->opened_us);
    memset (question, 0, sizeof *question);
    self->admin.question_count--;
    self->handled++;
}

void
questions_refuse (inventory_t *self, question_t *question, error_code_t code, const char *detail,
                  effects_t *effects)
{
    if (!question->is_own)
        effects_reply_outcome (effects, &question->header, code, detail, 0);
    questions_close (self, question);
}

question_t *
questions_find (inventory_t *self, uint64_t tag)
{
    uint64_t slot = tag_slot (tag);
    question_t *question = slot < QUESTIONS_MAX ? &self->admin.questions[slot] : NULL;
    bool is_awaited = question && question->stage != STAGE_FREE && question->tag == tag;
    return is_awaited ? question : NULL;
}

void
questions_call (inventory_t *self, question_t *question, call_name_t call, effects_t *effects)
{
    uint64_t slot = (uint64_t)(question - self->admin.questions);
    question->tag = inventory_call (self, effects, call, PURPOSE_QUESTION, slot);
}
