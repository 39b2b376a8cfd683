"""Planted bugs: each is patches/NAME.patch and must be found by its detectors, and in the words of the invariant that it breaks.

A detector is one of
    ("scenario", NAME, WORDS)     test/planted/scenario: a fault on a running instance, then the auditor
    ("integration", PART, WORDS)  test/integration/run PART
    ("program", NAME, WORDS)      a test program of ctest
WORDS is a regular expression that its output must match."""

from collections import namedtuple

Bug = namedtuple("Bug", "name what detectors")

BUGS = (
    # on a running instance, found by the auditor
    Bug("increment_release", "a release adds its units whether the reservation is still held or not",
        [("scenario", "release_twice", r"VIOLATION I4 \d+ left at the gate")]),
    Bug("acknowledged_before_commit", "ordering acknowledges a delivery when it takes it",
        [("scenario", "backend_ends", r"VIOLATION I[25] \d+ (confirmed orders do not exist|reservations of the gate have no order)")]),
    Bug("bumped_without_drain", "the epoch is raised while the old journal still has entries",
        [("scenario", "closed_while_full", r"VIOLATION I2 \d+ confirmed orders do not exist")]),
    Bug("no_epoch_fence", "PostgreSQL writes orders of gates that are gone",
        [("scenario", "wiped_while_out", r"VIOLATION I5 \d+ orders are unknown to the gate")]),
    Bug("user_slot_not_kept", "the gate forgets that a shopper has bought",
        [("scenario", "user_comes_again", r"VIOLATION I(10 shopper|5 \d+ orders were rejected)")]),
    Bug("dedupe_expires", "the gate forgets a key after a second",
        [("scenario", "late_retry", r"VIOLATION I(10|3 \d+ confirmed orders are not what|4 \d+ left)")]),
    Bug("batch_dies_of_one_poison", "a batch with one entry that cannot become an order is given up whole",
        [("scenario", "poison_in_batch", r"VIOLATION I5 \d+ reservations of the gate have no order")]),
    Bug("new_broker_reads_only_new", "a broker that takes over begins with what comes after, as a consumer group would",
        [("scenario", "broker_replaced", r"VIOLATION I5 \d+ (entries stay|reservations of the gate have no order)")]),
    Bug("run_not_compared", "a Redis that came back is taken for the one before",
        [("scenario", "redis_went_back", r"VIOLATION I5 \d+ orders were rejected")]),
    Bug("fsync_every_second", "Redis answers before its file is on disk",
        [("scenario", "slow_fsync", r"VIOLATION (I2 \d+ confirmed|lost_with_disk is)")]),
    Bug("sequence_reused", "after a lost disk the numbers that were given out are given out again",
        [("scenario", "wiped_while_out", r"VIOLATION sequence \d+ was told to two shoppers"),
         ("program", "test_inventory_recovery", r"\[  FAILED  \]")]),
    # on a running instance, found by what it answers
    Bug("ids_per_edge", "each edge computes order ids of its own",
        [("integration", "sales.replay_in_every_state", r"FAIL sales\.replay_in_every_state")]),
    Bug("token_not_compared", "the gate's scripts obey leaders that have been replaced",
        [("integration", "leases.inventory_ex_leaders", r"\(token, epoch\) went from|: gate \("),
         ("program", "test_stores_gate", r"\[  FAILED  \].*(fenc|token)")]),
    # found by the test of the part
    Bug("take_over_without_new_epoch", "a leader installs an epoch that another one bumped",
        [("program", "test_inventory_recovery", r"\[  FAILED  \]")]),
    Bug("refusal_answered_early", "a refusal is passed on while an older attempt may still win",
        [("program", "test_gateway", r"\[  FAILED  \]")]),
    Bug("operator_opens_what_recovery_closed", "an operator's change opens a gate that a recovery has closed",
        [("program", "test_stores_gate", r"\[  FAILED  \]")]),
    Bug("released_while_recovering", "units come back between the snapshot and the opening",
        [("program", "test_stores_gate", r"\[  FAILED  \]")]),
    Bug("late_attempts_executed", "an attempt is executed after its `before`",
        [("program", "test_stores_gate", r"\[  FAILED  \]")]),
    Bug("no_guard", "PostgreSQL grants more than there is",
        [("program", "test_stores_sql", r"\[  FAILED  \]")]),
)

# What scripts/test runs: cores only, seconds.
QUICK = ("take_over_without_new_epoch", "refusal_answered_early", "sequence_reused")
