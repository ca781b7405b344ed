/* Files that are kept open: as many as the process may, and no read fails for want of a descriptor. */
#include "capture.h"
#include "folder.h"

#include "tec/file_pool.h"
#include "tec/files.h"
#include "tec/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 900 };

static char dir[256];
static struct rlimit before;

static int make_files(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir) || getrlimit(RLIMIT_NOFILE, &before) != 0)
        return 1;
    for (int i = 0; i < FILES; i++) {
        char *path = tec_string_format("%s/%d", dir, i);
        int fd = open(path, O_WRONLY | O_CREAT, 0666);
        if (fd < 0 || write(fd, &i, sizeof i) != sizeof i)
            return 1;
        close(fd);
        free(path);
    }
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static void set_limit(rlim_t soft, rlim_t hard)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){soft, hard}), 0);
}

static int open_files(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static void read_all(tec_file_pool *pool)
{
    for (int i = 0; i < FILES; i++) {
        int fd, number;
        char *path = tec_string_format("%s/%d", dir, i);
        assert_int_equal(tec_file_pool_take(pool, i, path, sizeof i, &fd), TEC_OK);
        assert_int_equal(tec_file_get(fd, path, &number, sizeof number, 0), TEC_OK);
        assert_int_equal(number, i);
        tec_file_pool_give_back(pool, i, fd);
        free(path);
    }
}

/* Creates a pool, and reads all files twice; *kept: how many were open afterwards. Returns what was said, static. */
static const char *use_pool(int *kept)
{
    static char said[1000];
    int others = open_files();
    capture *c = capture_begin();
    tec_file_pool *pool = tec_file_pool_create(FILES, "the set", "make it", "join them");
    capture_end(c, said, sizeof said);
    assert_string_equal(said, ""); /* the files may yet be refused */
    c = capture_begin();
    read_all(pool);
    capture_end(c, said, sizeof said);
    read_all(pool);
    *kept = open_files() - others;
    tec_file_pool_free(pool);
    assert_int_equal(open_files(), others);
    return said;
}

/* Before the hard limit is lowered, which cannot be undone. */
static void test_soft_limit_is_raised(void **state)
{
    (void)state;
    int kept;
    if (before.rlim_max < 2000)
        skip();
    set_limit(300, before.rlim_max);
    assert_string_equal(use_pool(&kept), "");
    assert_int_equal(kept, FILES);
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur > FILES && now.rlim_cur < 2 * FILES); /* no further than need be */
}

static void test_hard_limit(void **state)
{
    (void)state;
    int kept;
    set_limit(300, 1000);
    const char *said = use_pool(&kept);
    assert_non_null(strstr(said, "the set: 744 of 900 files are kept open"));
    assert_non_null(strstr(said, "the others are opened for every read: join them"));
    assert_int_equal(kept, 744);
}

/* Others take more descriptors than were left to them. */
static void test_descriptors_run_out(void **state)
{
    (void)state;
    int other[1000], count = 0;
    tec_file_pool *pool = tec_file_pool_create(FILES, "the set", "make it", "join them");
    read_all(pool);
    while ((other[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    assert_true(count > 0);
    close(other[--count]);
    read_all(pool);
    read_all(pool);
    while (count > 0)
        close(other[--count]);
    tec_file_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_soft_limit_is_raised), cmocka_unit_test(test_hard_limit),
                                       cmocka_unit_test(test_descriptors_run_out)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
