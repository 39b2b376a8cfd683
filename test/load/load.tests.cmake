# minishop-load (the crowd) and minishop-hello (the yardstick): programs for scripts/bench, scripts/chaos and test/integration.
set (LOAD_FOLDER ${CMAKE_CURRENT_LIST_DIR})

add_library (ms_load STATIC ${LOAD_FOLDER}/acts.c ${LOAD_FOLDER}/answer.c ${LOAD_FOLDER}/crowd.c
             ${LOAD_FOLDER}/latency.c ${LOAD_FOLDER}/plan.c ${LOAD_FOLDER}/requests.c ${LOAD_FOLDER}/tally.c)
target_include_directories (ms_load PUBLIC ${LOAD_FOLDER})
target_link_libraries (ms_load PUBLIC Threads::Threads)

add_executable (minishop-load ${LOAD_FOLDER}/flash.c)
target_link_libraries (minishop-load PRIVATE ms_load)

add_executable (minishop-hello ${LOAD_FOLDER}/hello.c)
target_link_libraries (minishop-hello PRIVATE ${CIVETWEB_LIBRARY} Threads::Threads)

ms_test (load test_load ms_load)
