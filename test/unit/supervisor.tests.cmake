ms_test (unit test_supervisor ms_supervisor)
ms_test (unit test_token_sign ms_token_sign PkgConfig::JWT)
