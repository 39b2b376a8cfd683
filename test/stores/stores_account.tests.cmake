# The account core on a real PostgreSQL, with the worker's argon2id and JWT.
ms_test (stores test_stores_account ms_test_stage ms_account PkgConfig::JWT PkgConfig::SODIUM)
if (TARGET test_stores_account)
  target_sources (test_stores_account PRIVATE ${CMAKE_SOURCE_DIR}/actors/account/account_work.c)
  target_include_directories (test_stores_account PRIVATE ${CMAKE_SOURCE_DIR}/actors/runtime/shell)
endif ()
