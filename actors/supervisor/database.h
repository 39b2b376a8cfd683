/*  Brings the database `minishop` to what this release needs: migrations, the roles' passwords, the operator's account. */

#ifndef MS_DATABASE_H
#define MS_DATABASE_H

#include "instance.h"

/*  To be called when the server answers. Repeatable: each migration is one transaction with its row in schema_migration. `is_new` = the
    database was made just now. */
bool database_prepare (const instance_t *instance, bool *is_new, char *reason);

#endif
