# Ordering beyond its deliveries (test_ordering stands in broker.tests.cmake).
foreach (NAME test_ordering_changes test_ordering_scheduler)
  ms_test (unit ${NAME} ms_ordering)
  if (TARGET ${NAME})
    target_link_options (${NAME} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
  endif ()
endforeach ()
