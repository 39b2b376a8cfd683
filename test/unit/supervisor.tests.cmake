ms_test (unit test_supervisor ms_supervisor)
ms_test (unit test_token_sign ms_token_sign PkgConfig::JWT)
ms_test (unit test_console_args ms_console_args PkgConfig::JANSSON)
