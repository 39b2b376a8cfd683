# The inventory core on real stores.
ms_test (stores test_stores_inventory ms_test_stage ms_inventory)
