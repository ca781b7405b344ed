/* Room on a disk and in memory: what is there, and the message where it is not enough. */
#include "file_limit.h"
#include "folder.h"

#include "tec/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_disk(void **state)
{
    (void)state;
    int64_t room = tec_room_free(folder_top);
    assert_true(room > 0);
    assert_int_equal(tec_room_free("/nowhere/at/all"), -1);
    assert_int_equal(tec_room_check(folder_top, 1, "a crumb", "eat it"), TEC_OK);
    assert_int_equal(tec_room_try(folder_top, 5000, 2000, "a crumb", "eat it"), TEC_OK);
    assert_int_equal(rmdir(folder_top), 0); /* nothing was left there */
    assert_int_equal(folder_setup(state), 0);
    assert_int_equal(tec_room_check(folder_top, INT64_C(1) << 60, "two elephants", "keep mice"), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), " are free, but two elephants need "));
    assert_int_equal(tec_room_try(folder_top, INT64_C(1) << 60, INT64_C(1) << 60, "an elephant", "keep mice"),
                     TEC_SYSTEM_ERROR);
}

/* What is free is not all that may be written. */
static void test_limit(void **state)
{
    (void)state;
    limit_files(4000);
    assert_int_equal(tec_room_try(folder_top, 5000, 2000, "a crumb", "eat it"), TEC_OK); /* three files */
    tec_status status = tec_room_try(folder_top, 5000, 5000, "a crumb", "eat it");
    limit_files(RLIM_INFINITY);
    assert_int_equal(status, TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(),
                           "no room for 5000 bytes: File too large (the limit is 4000 bytes in a file, "
                           "ulimit -f); a crumb needs 5 kB"));
    assert_int_equal(rmdir(folder_top), 0);
    assert_int_equal(folder_setup(state), 0);
}

static void test_text(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(tec_room_text(text, 999), "999 bytes");
    assert_string_equal(tec_room_text(text, 37000000), "37 MB");
    assert_string_equal(tec_room_text(text, 1234567890), "1.23 GB");
    assert_string_equal(tec_room_text(text, INT64_C(4500000000000)), "4.5 TB");
}

static void test_memory(void **state)
{
    (void)state;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t left = tec_room_memory();
    assert_true(left > 0 && left <= (int64_t)pages * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_disk), cmocka_unit_test(test_limit),
                                       cmocka_unit_test(test_text), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
