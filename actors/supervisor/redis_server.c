#include "redis_server.h"

#include "params_load.h"
#include "spawn.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const char s_conf[] = "port 0\n"
                             "unixsocket \"@HOME@/redis/redis.sock\"\n"
                             "unixsocketperm 700\n"
                             "aclfile \"@HOME@/run/redis.acl\"\n"
                             "dir \"@HOME@/redis\"\n"
                             "daemonize no\n"
                             "logfile \"\"\n"
                             "loglevel notice\n"
                             "databases 1\n"
                             "timeout 0\n"
                             "maxclients 1000\n"
                             "maxmemory-policy noeviction\n"
                             "appendonly yes\n"
                             "appendfsync always\n"
                             "no-appendfsync-on-rewrite no\n"
                             "aof-load-truncated yes\n"
                             "save \"\"\n"
                             "stop-writes-on-bgsave-error no\n"
                             "rename-command DEBUG \"\"\n";

/*  What the processes' accounts may do: the lines of schema/lua/README.md, which says why. */
#define RIGHTS_CONNECTION "-@all +auth +hello +ping +client|setname +info|server +time +evalsha "

static const struct {
    const char *user;
    const char *rights;
} s_rights[] = {
    { "seckill", "resetchannels resetkeys ~{s*}:g ~{s*}:*:[arux] " RIGHTS_CONNECTION
                 "+hmget +hget +get +exists +xlen +xadd +hset +decrby" },
    { "inventory",
      "resetchannels resetkeys ~{s*}:g ~{s*}:*:[aorux] ~{s*}:*:dc ~{s*}:due " RIGHTS_CONNECTION
      "+script|load +hmget +hget +get +exists +xlen +xadd +xdel +hset +set +incrby +unlink" },
    { "broker", "resetchannels resetkeys ~{s*}:g ~{s*}:*:x ~{s*}:*:dc ~{s*}:due " RIGHTS_CONNECTION
                "+xread +hmget +hget +exists +xlen +xrange +xdel +hset +hdel +zadd +zrange "
                "+zremrangebyscore" },
};

static bool
s_append_user (FILE *out, const instance_t *instance, const char *user, const char *secret,
               const char *rights, char *reason)
{
    char password[128], hex[crypto_hash_sha256_BYTES * 2 + 1];
    uint8_t hash[crypto_hash_sha256_BYTES];
    if (!instance_secret (&instance->params, secret, password, sizeof password)) {
        snprintf (reason, REASON_BYTES, "%s is missing, or others may read it",
                  instance_file (instance, "%s", secret));
        return false;
    }
    crypto_hash_sha256 (hash, (const uint8_t *)password, strlen (password));
    sodium_bin2hex (hex, sizeof hex, hash, sizeof hash);
    sodium_memzero (password, sizeof password);
    fprintf (out, "user %s on #%s %s\n", user, hex, rights);
    return true;
}

static bool
s_write_acl (const instance_t *instance, char *reason)
{
    char *text = NULL;
    size_t text_bytes;
    FILE *out = open_memstream (&text, &text_bytes);
    if (!out)
        return false;
    bool is_good =
        s_append_user (out, instance, "default", "redis-password", "~* &* +@all", reason);
    for (size_t i = 0; i < sizeof s_rights / sizeof s_rights[0] && is_good; i++) {
        char secret[64];
        snprintf (secret, sizeof secret, "secrets/redis-%s", s_rights[i].user);
        is_good =
            s_append_user (out, instance, s_rights[i].user, secret, s_rights[i].rights, reason);
    }
    fclose (out);
    is_good = is_good && file_write (instance_file (instance, "run/redis.acl"), 0440, (uid_t)-1,
                                     instance->redis.gid, text, reason);
    free (text);
    return is_good;
}

static bool
s_write_conf (const instance_t *instance, char *reason)
{
    const char *const pairs[][2] = { { "HOME", instance->params.dir }, { NULL, NULL } };
    char *text = text_fill (s_conf, pairs);
    bool is_good = text && file_write (instance_file (instance, "run/redis.conf"), 0440, (uid_t)-1,
                                       instance->redis.gid, text, reason);
    free (text);
    return is_good;
}

pid_t
redis_server_start (const instance_t *instance, char *reason)
{
    const char *link_path = instance_file (instance, "run/redis.sock");
    if (symlink ("../redis/redis.sock", link_path) != 0 && errno != EEXIST) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", link_path, strerror (errno));
        return -1;
    }
    if (!s_write_acl (instance, reason) || !s_write_conf (instance, reason))
        return -1;
    unlink (instance_file (instance, "redis/redis.sock"));
    const char *argv[] = { "/usr/bin/redis-server", instance_file (instance, "run/redis.conf"),
                           NULL };
    spawn_t what = { .argv = argv,
                     .folder = instance_file (instance, "redis"),
                     .log_path = instance_file (instance, "log/redis.log"),
                     .user = &instance->redis,
                     .is_clean = true };
    return spawn_start (&what, reason);
}

bool
redis_server_is_ready (const instance_t *instance)
{
    char password[128];
    struct timeval patience = { .tv_sec = 1 };
    bool is_ready = false;
    if (!instance_secret (&instance->params, "redis-password", password, sizeof password))
        return false;
    redisContext *redis =
        redisConnectUnixWithTimeout (instance_file (instance, "redis/redis.sock"), patience);
    if (redis && !redis->err && redisSetTimeout (redis, patience) == REDIS_OK) {
        const char *auth_words[] = { "AUTH", password }, *ping_words[] = { "PING" };
        redisReply *auth = redisCommandArgv (redis, 2, auth_words, NULL);
        redisReply *ping = auth ? redisCommandArgv (redis, 1, ping_words, NULL) : NULL;
        is_ready = ping && ping->type == REDIS_REPLY_STATUS && strcmp (ping->str, "PONG") == 0;
        if (auth)
            freeReplyObject (auth);
        if (ping)
            freeReplyObject (ping);
    }
    if (redis)
        redisFree (redis);
    sodium_memzero (password, sizeof password);
    return is_ready;
}
