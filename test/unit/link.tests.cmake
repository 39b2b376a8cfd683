ms_test (unit test_link ms_shell)
if (MINISHOP_FAILPOINTS)
  ms_test (unit test_failpoint ms_shell)
endif ()
