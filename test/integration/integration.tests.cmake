# minishop-hostile: the peer that integration/hostile_peer.py sets on every inbox.
add_executable (minishop-hostile ${CMAKE_CURRENT_LIST_DIR}/hostile.c)
target_link_libraries (minishop-hostile PRIVATE ms_schema PkgConfig::ZMQ)
