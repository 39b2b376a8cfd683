/*  Tokens that are refused though their signature is good: the list of PostgreSQL, pushed to every edge. */

#ifndef MS_DENY_LIST_H
#define MS_DENY_LIST_H

#include "account_state.h"

/*  Allocates all that the list will ever need. */
void deny_list_open (accounts_t *self, uint64_t seed);
void deny_list_close (accounts_t *self);

bool deny_list_is_full (const accounts_t *self);
/*  Takes a row over, if it is new or stricter. Returns the version in which the edges learn it, 0 if the list is full. */
uint64_t deny_list_merge (accounts_t *self, const denial_t *denial);
/*  True if every ready edge holds this version. */
bool deny_list_edges_have (const accounts_t *self, uint64_t version);

void deny_list_peer_up (accounts_t *self, const process_t *peer);
void deny_list_peer_down (accounts_t *self, const process_t *peer);
void deny_list_ack (accounts_t *self, const event_t *event);
void deny_list_result (accounts_t *self, const event_t *event, effects_t *effects);
void deny_list_advance (accounts_t *self, effects_t *effects);
uint64_t deny_list_wake_us (const accounts_t *self);

#endif
