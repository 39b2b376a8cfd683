# The edge.
ms_test (unit test_gateway ms_gateway)
if (TARGET test_gateway)
  target_link_options (test_gateway PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
endif ()
# jansson and libjwt are oracles here: the edge itself uses neither
ms_test (unit test_http_json ms_http PkgConfig::JANSSON)
ms_test (unit test_http_routes ms_http)
ms_test (unit test_http_request ms_http PkgConfig::JWT)
ms_test (unit test_http_signature ms_http)
ms_test (unit test_http_snapshots ms_http)
ms_test (unit test_http_exchange ms_http PkgConfig::JWT)
ms_test (unit test_http_lifecycle ms_http PkgConfig::JWT)
