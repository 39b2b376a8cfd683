include (${CMAKE_CURRENT_SOURCE_DIR}/stores/servers.cmake)
ms_test (stores test_stores ms_test_servers)
# Figures, not a test: `bench_stores [seconds]`.
add_executable (bench_stores stores/bench_stores.c)
target_link_libraries (bench_stores PRIVATE ms_test_servers)
