# Broker and ordering.

foreach (NAME test_broker_directory test_broker_router test_broker_terms test_broker_model)
  ms_test (unit ${NAME} ms_broker)
endforeach ()
set (ORDERING_TESTS test_ordering test_ordering_changes test_ordering_scheduler)
foreach (NAME ${ORDERING_TESTS})
  ms_test (unit ${NAME} ms_ordering)
endforeach ()
foreach (NAME test_broker_directory test_broker_router test_broker_terms test_broker_model ${ORDERING_TESTS})
  if (TARGET ${NAME})
    target_link_options (${NAME} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
  endif ()
endforeach ()
