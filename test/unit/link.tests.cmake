ms_test (unit test_link ms_shell)
