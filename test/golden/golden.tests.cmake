# Wire vectors, and the page that is printed from the tables.
ms_test (golden test_wire ms_schema)
ms_test (golden test_protocol_page ms_schema)
target_sources (test_protocol_page PRIVATE ${CMAKE_CURRENT_LIST_DIR}/schema_markdown.c)

add_executable (print_schema ${CMAKE_CURRENT_LIST_DIR}/print_schema.c ${CMAKE_CURRENT_LIST_DIR}/schema_markdown.c)
target_link_libraries (print_schema PRIVATE ms_schema)
add_custom_target (protocol
  COMMAND print_schema > ${CMAKE_SOURCE_DIR}/schema/PROTOCOL.md
  COMMENT "schema/PROTOCOL.md" VERBATIM)
