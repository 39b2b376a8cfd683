#include "denials.h"

#include "check.h"
#include "hash.h"
#include "map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef struct denied_t {
    uint64_t not_before_ms; /* of a user; UINT64_MAX for a token */
    uint64_t until_ms;
} denied_t;

struct denials_t {
    pthread_rwlock_t lock;
    map_t *tokens; /* 64 bits of the token id: those are random */
    map_t *users;
    _Atomic size_t count; /* most of the time 0: then nobody takes the lock */
};

denials_t *
denials_new (void)
{
    denials_t *self = calloc (1, sizeof *self);
    CHECK (self && pthread_rwlock_init (&self->lock, NULL) == 0);
    self->tokens = map_new (DENIALS_MAX, sizeof (denied_t), 1);
    self->users = map_new (DENIALS_MAX, sizeof (denied_t), 2);
    return self;
}

void
denials_destroy (denials_t **self_p)
{
    if (*self_p) {
        map_destroy (&(*self_p)->tokens);
        map_destroy (&(*self_p)->users);
        pthread_rwlock_destroy (&(*self_p)->lock);
        free (*self_p);
        *self_p = NULL;
    }
}

static uint64_t
s_token_key (const uint8_t token_id[16])
{
    return hash_bytes (0, token_id, 16);
}

static bool
s_is_token (const denial_t *denial)
{
    static const uint8_t none[16];
    return memcmp (denial->token_id, none, sizeof none) != 0;
}

static void
s_forget_expired (map_t *map, uint64_t now_ms)
{
    size_t cursor = 0;
    uint64_t key;
    const denied_t *denied;
    while ((denied = map_next (map, &cursor, &key)))
        if (denied->until_ms <= now_ms)
            map_remove_at (map, &cursor);
}

static bool
s_put (denials_t *self, const denial_t *denial)
{
    bool is_token = s_is_token (denial);
    map_t *map = is_token ? self->tokens : self->users;
    denied_t *denied =
        map_insert (map, is_token ? s_token_key (denial->token_id) : denial->user_id);
    if (!denied)
        return false;
    uint64_t not_before_ms = is_token ? UINT64_MAX : denial->not_before_ms;
    if (denied->not_before_ms < not_before_ms)
        denied->not_before_ms = not_before_ms;
    if (denied->until_ms < denial->until_ms)
        denied->until_ms = denial->until_ms;
    return true;
}

bool
denials_put (denials_t *self, const denial_t *denials, size_t count, uint64_t now_ms)
{
    bool is_done = true;
    pthread_rwlock_wrlock (&self->lock);
    s_forget_expired (self->tokens, now_ms);
    s_forget_expired (self->users, now_ms);
    for (size_t i = 0; i < count; i++)
        is_done = s_put (self, &denials[i]) && is_done;
    atomic_store (&self->count, map_count (self->tokens) + map_count (self->users));
    pthread_rwlock_unlock (&self->lock);
    return is_done;
}

bool
denials_has (denials_t *self, const token_t *token)
{
    if (atomic_load (&self->count) == 0)
        return false;
    pthread_rwlock_rdlock (&self->lock);
    const denied_t *user = map_find (self->users, token->user_id);
    bool is_denied = map_find (self->tokens, s_token_key (token->token_id)) != NULL ||
                     (user && token->issued_s * 1000 < user->not_before_ms);
    pthread_rwlock_unlock (&self->lock);
    return is_denied;
}
