/*  One function per call of the API, by resource: each reads its fields, asks, and writes the answer. */

#ifndef MS_HANDLERS_H
#define MS_HANDLERS_H

#include "exchange.h"

/* machine_handlers.c */
void handle_time_get (exchange_t *self);
void handle_healthz_get (exchange_t *self);
void handle_readyz_get (exchange_t *self);
void handle_metrics_get (exchange_t *self);

/* account_handlers.c */
void handle_account_create (exchange_t *self);
void handle_password_put (exchange_t *self);
void handle_session_create (exchange_t *self);
void handle_session_get (exchange_t *self);
void handle_session_delete (exchange_t *self);

/* sale_handlers.c */
void handle_sale_list (exchange_t *self);
void handle_sale_get (exchange_t *self);

/* purchase_handlers.c */
void handle_purchase_create (exchange_t *self);

/* order_handlers.c */
void handle_purchase_get (exchange_t *self);
void handle_order_list (exchange_t *self);
void handle_order_get (exchange_t *self);
void handle_operator_order_get (exchange_t *self);
void handle_order_cancel (exchange_t *self);
void handle_operator_order_cancel (exchange_t *self);

/* payment_handlers.c */
void handle_payment_create (exchange_t *self);
void handle_payment_event (exchange_t *self);

/* operator_sale_handlers.c */
void handle_operator_sale_create (exchange_t *self);
void handle_operator_sale_list (exchange_t *self);
void handle_operator_sale_get (exchange_t *self);
void handle_operator_sale_move (exchange_t *self);
void handle_operator_sale_audit (exchange_t *self);
void handle_operator_sale_edit (exchange_t *self);
void handle_operator_sale_stock (exchange_t *self);

/* sale_stats_handlers.c */
void handle_operator_sale_stats (exchange_t *self);

/* dead_letter_handlers.c */
void handle_dead_letter_list (exchange_t *self);
void handle_dead_letter_change (exchange_t *self);

/* operator_handlers.c */
void handle_actor_list (exchange_t *self);
void handle_actor_scale (exchange_t *self);
void handle_limits_get (exchange_t *self);
void handle_limits_patch (exchange_t *self);
void handle_log_list (exchange_t *self);

#endif
