# ms_test_servers: a private Redis and PostgreSQL, and the rows of calls.def called directly. Tests of any tier include this file.
include_guard (GLOBAL)
add_library (ms_test_servers STATIC ${CMAKE_CURRENT_LIST_DIR}/servers.c ${CMAKE_CURRENT_LIST_DIR}/store_calls.c)
target_include_directories (ms_test_servers PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries (ms_test_servers PUBLIC ms_schema ms_embedded PkgConfig::HIREDIS PkgConfig::PQ Threads::Threads)
