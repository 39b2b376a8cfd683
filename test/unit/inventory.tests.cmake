# Inventory and account.

set (ALLOCATION_TRAP_OPTIONS -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)

set (INVENTORY_TESTS test_inventory_lease test_inventory_gates test_inventory_recovery test_inventory_relay
                     test_inventory_admin test_inventory_audit test_inventory_snapshot)
foreach (NAME ${INVENTORY_TESTS})
  if (EXISTS ${CMAKE_SOURCE_DIR}/test/unit/${NAME}.c)
    ms_test (unit ${NAME} ms_inventory)
  endif ()
endforeach ()
if (EXISTS ${CMAKE_SOURCE_DIR}/test/unit/test_account.c)
ms_test (unit test_account ms_account)
endif ()
foreach (NAME ${INVENTORY_TESTS} test_account)
  if (TARGET ${NAME})
    target_link_options (${NAME} PRIVATE ${ALLOCATION_TRAP_OPTIONS})
  endif ()
endforeach ()

# the worker's functions, with the test's own token key
if (TARGET test_account_work)
  target_sources (test_account_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/account/account_work.c)
  target_include_directories (test_account_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/runtime/shell)
endif ()
