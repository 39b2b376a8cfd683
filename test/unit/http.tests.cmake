# The edge.
ms_test (unit test_gateway ms_gateway)
if (TARGET test_gateway)
  target_link_options (test_gateway PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
endif ()
