# The payment provider, and the threads that its webhooks run on.

ms_test (unit test_provider ms_provider)
if (TARGET test_provider)
  # while a core steps, malloc, calloc and realloc end the test (allocation_trap.h)
  target_link_options (test_provider PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
endif ()

# the worker's function, against a listener of the test's own
ms_test (unit test_provider_work ms_provider PkgConfig::CURL PkgConfig::SODIUM PkgConfig::JANSSON)
if (TARGET test_provider_work)
  target_sources (test_provider_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/provider/provider_work.c)
  target_include_directories (test_provider_work PRIVATE ${CMAKE_SOURCE_DIR}/actors/runtime/shell)
endif ()

ms_test (unit test_work_port ms_shell)
