#include "dice.h"
#include "map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 3000u
#define ROOM 1000u

/*  The naive model: an array by key. */
typedef struct model_t {
    bool is_there[KEYS];
    uint64_t values[KEYS];
    size_t count;
} model_t;

static void
s_compare (const map_t *map, const model_t *model)
{
    static unsigned seen[KEYS];
    size_t cursor = 0, shown = 0;
    uint64_t key, *value;
    memset (seen, 0, sizeof seen);
    while ((value = map_next (map, &cursor, &key))) {
        assert_true (key < KEYS && model->is_there[key]);
        assert_int_equal (*value, model->values[key]);
        assert_int_equal (seen[key]++, 0);
        shown++;
    }
    assert_int_equal (shown, model->count);
    assert_int_equal (map_count (map), model->count);
    for (key = 0; key < KEYS; key++)
        assert_int_equal (map_find (map, key) != NULL, model->is_there[key]);
}

static void
s_insert (map_t *map, model_t *model, uint64_t key, uint64_t number)
{
    uint64_t *value = map_insert (map, key);
    if (!model->is_there[key] && model->count == ROOM) {
        assert_null (value);
        return;
    }
    assert_non_null (value);
    assert_int_equal (*value, model->is_there[key] ? model->values[key] : 0);
    model->count += !model->is_there[key];
    model->is_there[key] = true;
    model->values[key] = *value = number;
}

/*  Property: after any sequence of insertions, removals and searches the table holds what an array by key holds; it takes exactly
    entries_max entries. */
static void
test_against_model (void **state)
{
    (void)state;
    static model_t model;
    dice_t dice = dice_seeded (11);
    map_t *map = map_new (ROOM, sizeof (uint64_t), dice_next (&dice));
    for (uint64_t i = 0; i < 4000000; i++) {
        uint64_t key = dice_roll (&dice, KEYS), action = dice_roll (&dice, 3);
        /* waves, so that the table is full at times and nearly empty at others */
        if (i / 50000 % 2 && action == 0)
            action = 1;
        if (action == 0)
            s_insert (map, &model, key, i + 1);
        else if (action == 1) {
            assert_int_equal (map_remove (map, key), model.is_there[key]);
            model.count -= model.is_there[key];
            model.is_there[key] = false;
        } else {
            const uint64_t *value = map_find (map, key);
            assert_int_equal (value != NULL, model.is_there[key]);
            assert_true (!value || *value == model.values[key]);
        }
        if (i % 20000 == 0)
            s_compare (map, &model);
    }
    s_compare (map, &model);
    map_destroy (&map);
    assert_null (map);
    map_destroy (&map);
    printf ("# 4000000 operations\n");
}

/*  Property: a walk that removes as it goes misses no entry and shows none that was removed; those that stay may be shown twice,
    when a removal moved them across the end of the table. */
static void
test_remove_during_walk (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (12);
    for (size_t round = 0; round < 3000; round++) {
        bool is_there[64] = { false }, was_shown[64] = { false };
        map_t *map = map_new (24, 8, dice_next (&dice));
        uint64_t key, keep_of_4 = dice_roll (&dice, 5);
        for (size_t i = 0; i < 24; i++) {
            key = dice_roll (&dice, 64);
            is_there[key] = map_insert (map, key) != NULL;
        }
        size_t cursor = 0;
        while (map_next (map, &cursor, &key)) {
            assert_true (is_there[key]);
            was_shown[key] = true;
            if (dice_roll (&dice, 4) >= keep_of_4) {
                map_remove_at (map, &cursor);
                is_there[key] = false;
            }
        }
        for (key = 0; key < 64; key++)
            assert_true ((map_find (map, key) != NULL) == is_there[key] &&
                         (!is_there[key] || was_shown[key]));
        map_destroy (&map);
    }
}

/*  Property: the digest depends on what is in the table, not on how it got there. */
static void
test_digest (void **state)
{
    (void)state;
    map_t *one = map_new (100, 8, 5), *other = map_new (100, 8, 5);
    for (uint64_t key = 0; key < 100; key++)
        *(uint64_t *)map_insert (one, key) = key * key;
    for (uint64_t key = 100; key-- > 0;)
        *(uint64_t *)map_insert (other, key) = key * key;
    assert_int_equal (map_digest (one), map_digest (other));
    *(uint64_t *)map_find (one, 50) = 1;
    assert_int_not_equal (map_digest (one), map_digest (other));
    map_remove (one, 50);
    map_remove (other, 50);
    assert_int_equal (map_digest (one), map_digest (other));
    map_destroy (&one);
    map_destroy (&other);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_against_model),
        cmocka_unit_test (test_remove_during_walk),
        cmocka_unit_test (test_digest),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
