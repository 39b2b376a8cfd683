# What becomes of an order, on a real PostgreSQL.
ms_test (stores test_stores_changes ms_test_stage)
