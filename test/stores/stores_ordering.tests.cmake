# What becomes of an order, on a real PostgreSQL.
foreach (NAME test_stores_changes test_stores_counts test_stores_payments test_stores_race)
  ms_test (stores ${NAME} ms_test_stage)
endforeach ()
