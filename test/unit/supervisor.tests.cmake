ms_test (unit test_supervisor ms_supervisor)
