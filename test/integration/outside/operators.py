"""What operators do: stock, edits, dead letters; and the trigger that makes some of them necessary."""

import json

from .waiting import served


def change_stock(instance, sale_id, delta, key=None, reason="test"):
    return instance.as_operator("POST", f"/admin/sales/{sale_id}/stock", {"delta": delta, "reason": reason},
                                {"Idempotency-Key": key} if key else None)


def edit(instance, sale_id, **fields):
    return instance.as_operator("PATCH", f"/admin/sales/{sale_id}", fields)


def pages(instance, path, member, pages_max=50):
    """All rows of a list that has pages."""
    rows, cursor = [], ""
    for _ in range(pages_max):
        answer = served(instance.as_operator("GET", path + (f"?cursor={cursor}" if cursor else "")))
        rows += answer.body[member]
        cursor = answer.body["next_cursor"]
        if not cursor:
            break
    return rows


def dead_letters(instance, order_id=None):
    """Open dead letters, or the one of an order: (letter or None)."""
    letters = pages(instance, "/admin/dead-letters", "dead_letters")
    if order_id is None:
        return letters
    return next((letter for letter in letters if order_id in json.dumps(letter["message"])), None)


def decide(instance, letter_id, verb):
    """requeue or discard."""
    return instance.as_operator("POST", f"/admin/dead-letters/{letter_id}/{verb}", {})


def log_entries(instance, pages_max=5):
    return pages(instance, "/admin/log", "entries", pages_max)


class Poison:
    """Makes the orders of some users unwritable, as a bug or a damaged entry would: a trigger in PostgreSQL that refuses their rows.
    What is written about them, the rejected order, is let through."""

    def __init__(self, instance, user_ids, first="1"):
        """`first` is an SQL expression that is evaluated before the refusal."""
        self.instance = instance
        users = ", ".join(str(int(user_id)) for user_id in user_ids)
        instance.sql(
            "CREATE OR REPLACE FUNCTION test_poison () RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM {first}; RAISE EXCEPTION 'planted poison'; END $$;"
            " GRANT EXECUTE ON FUNCTION test_poison () TO PUBLIC;"
            " DROP TRIGGER IF EXISTS test_poison ON orders;"
            " CREATE TRIGGER test_poison BEFORE INSERT ON orders FOR EACH ROW"
            f" WHEN (NEW.user_id IN ({users}) AND NEW.status = 2) EXECUTE FUNCTION test_poison ()")

    def cure(self):
        self.instance.sql("DROP TRIGGER IF EXISTS test_poison ON orders")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cure()
