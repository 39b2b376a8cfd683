# Broker and ordering.

foreach (NAME test_broker_directory test_broker_router test_broker_terms test_broker_model)
  ms_test (unit ${NAME} ms_broker)
endforeach ()
ms_test (unit test_ordering ms_ordering)
foreach (NAME test_broker_directory test_broker_router test_broker_terms test_broker_model test_ordering)
  if (TARGET ${NAME})
    target_link_options (${NAME} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
  endif ()
endforeach ()
