include (${CMAKE_CURRENT_SOURCE_DIR}/stores/servers.cmake)

add_library (ms_test_stage STATIC stores/stage.c)
target_include_directories (ms_test_stage PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/stores)
target_link_libraries (ms_test_stage PUBLIC ms_test_servers)

ms_test (stores test_stores_gate ms_test_stage)
ms_test (stores test_stores_journal ms_test_stage)
ms_test (stores test_stores_sql ms_test_stage)
ms_test (stores test_stores ms_test_stage)
ms_test (stores test_stores_sale_operations ms_test_stage)

# Figures, not a test: `bench_stores [entries]`.
add_executable (bench_stores stores/bench_stores.c)
target_link_libraries (bench_stores PRIVATE ms_test_servers)
