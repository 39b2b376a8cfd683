# Inventory and account.

# while a core steps, malloc, calloc and realloc end the test (allocation_trap.h)
set (ALLOCATION_TRAP_OPTIONS -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)

set (INVENTORY_TESTS test_inventory_lease test_inventory_gates test_inventory_recovery test_inventory_relay
                     test_inventory_admin test_inventory_audit test_inventory_snapshot test_inventory_operations
                     test_inventory_cleanup test_inventory_traces)
foreach (NAME ${INVENTORY_TESTS})
  ms_test (unit ${NAME} ms_inventory)
endforeach ()
ms_test (unit test_account ms_account)
foreach (NAME ${INVENTORY_TESTS} test_account)
  if (TARGET ${NAME})
    target_link_options (${NAME} PRIVATE ${ALLOCATION_TRAP_OPTIONS})
  endif ()
endforeach ()

# the worker's functions, with a token key of the test's own
ms_test (unit test_account_work ms_account PkgConfig::JWT PkgConfig::SODIUM)
if (TARGET test_account_work)
  target_sources (test_account_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/account/account_work.c)
  target_include_directories (test_account_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/runtime/shell)
endif ()
