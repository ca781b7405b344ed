/* Files: reading, writing under the final name only when complete, directories, what ended processes left. */
#include "file_limit.h"
#include "folder.h"

#include "tec/files.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[4096];

static int make_dir(void **state)
{
    (void)state;
    return !folder_make(dir, sizeof dir);
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static void assert_content(const char *path, const char *want)
{
    char *data;
    size_t bytes;
    assert_int_equal(tec_file_read(path, 1000, &data, &bytes), TEC_OK);
    assert_string_equal(data, want);
    assert_int_equal(bytes, strlen(want));
    free(data);
}

static int files_in_dir(void)
{
    char *command = tec_string_format("ls -A '%s' | wc -l", dir);
    FILE *pipe = popen(command, "r");
    int count = -1;
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    free(command);
    return count;
}

static void test_write_and_read(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "a.txt");
    assert_false(tec_file_exists(path));
    assert_int_equal(tec_file_write(path, "one", 3), TEC_OK);
    assert_content(path, "one");
    assert_int_equal(tec_file_write(path, "", 0), TEC_OK);
    assert_content(path, "");
    assert_int_equal(tec_file_write(path, "two\n", 4), TEC_OK);
    assert_content(path, "two\n");
    assert_true(tec_file_exists(path));
    assert_int_equal(files_in_dir(), 1);
    free(path);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "a.txt"), *data;
    size_t bytes;
    assert_int_equal(tec_file_write(path, "0123456789", 10), TEC_OK);
    assert_int_equal(tec_file_read(path, 9, &data, &bytes), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "10 bytes"));
    assert_int_equal(tec_file_read(dir, 9, &data, &bytes), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "not a file"));
    assert_int_equal(tec_file_read("/nowhere/at/all", 9, &data, &bytes), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "/nowhere/at/all: No such file"));
    free(path);
}

static void test_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "a.txt"), *large = calloc(1, 100000);
    assert_int_equal(tec_file_write(path, "old", 3), TEC_OK);
    limit_files(5000);
    tec_status status = tec_file_write(path, large, 100000);
    limit_files(RLIM_INFINITY);
    assert_int_equal(status, TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), path));
    assert_content(path, "old");
    assert_int_equal(files_in_dir(), 1);
    free(path);
    free(large);
}

/* The first to publish wins; nothing is left of the second. */
static void test_publish_once(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "once");
    for (int i = 0; i < 2; i++) {
        char *temporary = tec_file_temporary(path);
        assert_int_equal(tec_file_write(temporary, i ? "second" : "first", i ? 6 : 5), TEC_OK);
        assert_int_equal(tec_file_publish_once(temporary, path), TEC_OK);
        assert_false(tec_file_exists(temporary));
        assert_content(path, "first");
        free(temporary);
    }
    assert_int_equal(tec_file_publish_once("/nowhere/at-all", path), TEC_SYSTEM_ERROR);
    assert_content(path, "first");
    free(path);
}

static void test_last_part_of_a_path(void **state)
{
    (void)state;
    static const char *const known[][2] = {{"a/b", "b"}, {"a/b//", "b"}, {"b", "b"},  {"/b", "b"},
                                           {"/", ""},    {"", ""},       {"./", "."}, {"a/bcdefghij", "bcdefgh"}};
    char text[8];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tec_path_last(known[i][0], text, sizeof text);
        assert_string_equal(text, known[i][1]);
    }
}

static void test_output_is_checked_beforehand(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "result.txt");
    int before = files_in_dir();
    assert_int_equal(tec_file_check_output(path), TEC_OK);
    assert_int_equal(files_in_dir(), before);
    assert_int_equal(tec_file_write(path, "old", 3), TEC_OK);
    assert_int_equal(tec_file_check_output(path), TEC_OK);
    assert_content(path, "old");
    assert_int_equal(tec_file_check_output(dir), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "is a directory: name a file"));
    assert_int_equal(tec_file_check_output("-"), TEC_USER_ERROR);
    assert_int_equal(tec_file_check_output("/dev/null"), TEC_USER_ERROR); /* it would be replaced by a file */
    assert_non_null(strstr(tec_error_message(), "/dev/null is a device or a pipe: name a file"));
    assert_int_equal(tec_file_check_output("/nowhere/a.txt"), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "/nowhere/a.txt: cannot be written: No such file"));
    assert_int_equal(tec_file_check_output("/proc/a.txt"), TEC_USER_ERROR);
    free(path);
}

static void test_no_such_directory_to_write_to(void **state)
{
    (void)state;
    assert_int_equal(tec_file_write("/nowhere/a.txt", "x", 1), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "cannot be created: No such file"));
}

static void test_directories(void **state)
{
    (void)state;
    char *deep = tec_path_join(dir, "x/y//z/"), *file = tec_path_join(dir, "f"), *below = tec_path_join(file, "g");
    assert_int_equal(tec_directory_make(deep), TEC_OK);
    assert_int_equal(tec_directory_make(deep), TEC_OK);
    assert_true(tec_file_exists(deep));
    assert_int_equal(tec_file_write(file, "", 0), TEC_OK);
    assert_int_equal(tec_directory_make(file), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "is not a directory"));
    assert_int_equal(tec_directory_make(below), TEC_USER_ERROR);
    assert_int_equal(tec_directory_make(""), TEC_USER_ERROR);
    assert_int_equal(tec_directory_make("/proc/tec/x"), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "/proc/tec: the directory cannot be made"));
    free(deep);
    free(file);
    free(below);
}

static void test_stale_files_of_ended_processes(void **state)
{
    (void)state;
    char *path = tec_path_join(dir, "shard.h5"), *mine = tec_file_temporary(path), *second = tec_file_temporary(path);
    assert_string_not_equal(mine, second);
    assert_int_equal(tec_file_write(mine, "x", 1), TEC_OK);
    pid_t child = fork();
    if (child == 0) {
        char *theirs = tec_file_temporary(path);
        FILE *file = fopen(theirs, "w");
        _exit(file && fclose(file) == 0 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(files_in_dir(), 2);
    tec_temporary_remove(dir, "other", NULL);
    tec_temporary_remove(dir, "", "shard");
    assert_int_equal(files_in_dir(), 2);
    tec_temporary_remove(dir, "shard", "other");
    assert_int_equal(files_in_dir(), 1);
    assert_true(tec_file_exists(mine));
    free(path);
    free(mine);
    free(second);
}

static tec_owner owner_of(const char *rest)
{
    char *name = tec_string_format("shard-1.h5.%s", rest);
    tec_owner owner = tec_temporary_owner_by_name(name);
    assert_true(tec_temporary_is(name) == (owner != TEC_OWNER_UNKNOWN || strstr(rest, "elsewhere") != NULL));
    free(name);
    return owner;
}

/* Who writes a file, by its name: processes of other hosts are known by their Slurm jobs alone. */
static void test_owners_by_name(void **state)
{
    (void)state;
    unsetenv("SLURM_JOB_ID");
    unsetenv("TEC_AFTER_JOBS");
    assert_int_equal(owner_of("elsewhere.1.0.tmp"), TEC_OWNER_UNKNOWN);
    assert_int_equal(owner_of("elsewhere.1.0.77-0.tmp"), TEC_OWNER_UNKNOWN);
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    char *mine = tec_file_temporary("a.b");
    assert_true(tec_string_ends_with(mine, ".77-1.tmp"));
    assert_int_equal(tec_temporary_owner_by_name(mine), TEC_OWNER_LIVES);
    free(mine);
    assert_int_equal(owner_of("elsewhere.1.0.77-0.tmp"), TEC_OWNER_GONE);
    assert_int_equal(owner_of("elsewhere.1.0.77-1.tmp"), TEC_OWNER_UNKNOWN);
    assert_int_equal(owner_of("elsewhere.1.0.78-0.tmp"), TEC_OWNER_UNKNOWN);
    setenv("TEC_AFTER_JOBS", " 7 78", 1);
    assert_int_equal(owner_of("elsewhere.1.0.78-0.tmp"), TEC_OWNER_GONE);
    assert_int_equal(owner_of("elsewhere.1.0.8-0.tmp"), TEC_OWNER_UNKNOWN);
    static const char *const none[] = {"tmp", "1.tmp", "1.0.x", "host.x.0.tmp", "host.1.0", "host.1.x.tmp", "77-1.tmp"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(tec_temporary_is(none[i]));
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    unsetenv("TEC_AFTER_JOBS");
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name, *directory, *beside;
    } paths[] = {
        {"name", "name", ".", "other"},
        {"dir/name", "name", "dir", "dir/other"},
        {"/a/b/name.h5", "name.h5", "/a/b", "/a/b/other"},
        {"/name", "name", "/", "/other"},
        {"dir/", "", "dir", "dir/other"},
        {"/", "", "/", "/other"},
        {"", "", ".", "other"},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *directory = tec_path_directory(paths[i].path), *beside = tec_path_beside(paths[i].path, "other");
        assert_string_equal(tec_path_name(paths[i].path), paths[i].name);
        assert_string_equal(directory, paths[i].directory);
        assert_string_equal(beside, paths[i].beside);
        free(directory);
        free(beside);
    }
    char *joined = tec_path_join("dir", "name"), *slash = tec_path_join("dir/", "name");
    assert_string_equal(joined, "dir/name");
    assert_string_equal(slash, "dir/name");
    free(joined);
    free(slash);
}

static void test_within(void **state)
{
    (void)state;
    char here[300], path[600];
    assert_non_null(getcwd(here, sizeof here));
    assert_true(tec_path_is_within(here, here));
    assert_true(tec_path_is_within("not/there/", "."));
    assert_true(tec_path_is_within("./not-there", here));
    assert_false(tec_path_is_within("..", "."));
    assert_false(tec_path_is_within("/not/there", "."));
    assert_true(tec_path_is_within("/not/there", "/"));
    assert_false(tec_path_is_within("a", "not-there"));
    snprintf(path, sizeof path, "%s-beside", here); /* begins alike */
    assert_false(tec_path_is_within(path, here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_failed_write_keeps_the_old_file, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_publish_once, make_dir, remove_dir),
        cmocka_unit_test(test_last_part_of_a_path),
        cmocka_unit_test(test_owners_by_name),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_within),
        cmocka_unit_test_setup_teardown(test_output_is_checked_beforehand, make_dir, remove_dir),
        cmocka_unit_test(test_no_such_directory_to_write_to),
        cmocka_unit_test_setup_teardown(test_directories, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_stale_files_of_ended_processes, make_dir, remove_dir),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
