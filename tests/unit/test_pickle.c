/* The pickle machine: values, what is refused by name, damaged and endless inputs. */
#include "src/formats/pickle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A pickle as a C string with zeros in it. */
#define READ(p, text) assert_int_equal(read_bytes(&(p), text, sizeof(text) - 1), TEC_OK)
#define REFUSED(text, part) assert_refused(text, sizeof(text) - 1, part)

static tec_status read_bytes(pickle **p, const void *data, size_t size)
{
    size_t used = 0;
    *p = NULL;
    /* Of the exact size, so that sanitizers notice a byte too far. */
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    tec_status status = tec_pickle_read(p, "a.pkl", copy, size, 0, &used);
    if (status == TEC_OK)
        assert_int_equal(used, size);
    tec_pickle_free(*p);
    free(copy);
    return status == TEC_OK ? tec_pickle_read(p, "a.pkl", data, size, 0, &used) : status;
}

static void assert_refused(const char *text, size_t size, const char *part)
{
    pickle *p;
    if (read_bytes(&p, text, size) != TEC_USER_ERROR || !strstr(tec_error_message(), part) ||
        !strstr(tec_error_message(), "a.pkl"))
        fail_msg("wanted \"%s\": \"%s\"", part, tec_error_message());
}

static void assert_text(const pickle_value *value, const char *wanted)
{
    assert_int_equal(value->kind, PICKLE_TEXT);
    if (!tec_pickle_text_is(value->text, wanted))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)value->text.size, value->text.at, wanted);
}

/* -- literals -- */

static void test_integers(void **state)
{
    (void)state;
    static const int64_t wanted[] = {0,         255, 65535, -2, INT32_MAX, 0,           -1,        128,
                                     INT64_MIN, -3,  1,     0,  12,        -5000000000, INT64_MAX, 77};
    pickle *p;
    READ(p, "(K\x00K\xffM\xff\xffJ\xfe\xff\xff\xffJ\xff\xff\xff\x7f\x8a\x00\x8a\x01\xff\x8a\x02\x80\x00"
            "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80\x8b\x01\x00\x00\x00\xfdI01\nI00\nI12\nL-5000000000L\n"
            "L9223372036854775807L\nI77\nt.");
    const pickle_value *root = tec_pickle_root(p);
    assert_int_equal(root->kind, PICKLE_TUPLE);
    assert_int_equal(root->count, sizeof wanted / sizeof *wanted);
    for (uint32_t i = 0; i < root->count; i++) {
        assert_int_equal(root->item[i]->kind, i == 10 || i == 11 ? PICKLE_BOOL : PICKLE_INT);
        assert_true(root->item[i]->integer == wanted[i]);
    }
    tec_pickle_free(p);
    READ(p, "(\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09L9223372036854775808L\n"
            "L1000000000000000000000000000000000000000000000000000000000000000000L\nt.");
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tec_pickle_root(p)->item[i]->kind, PICKLE_BIG_INT);
    assert_int_equal(tec_pickle_root(p)->item[0]->text.size, 9);
    tec_pickle_free(p);
}

static void test_floats_and_constants(void **state)
{
    (void)state;
    pickle *p;
    READ(p, "\x80\x02(G\x3f\xf8\x00\x00\x00\x00\x00\x00"
            "F-0.25\nN\x88\x89l.");
    const pickle_value *root = tec_pickle_root(p);
    assert_int_equal(root->kind, PICKLE_LIST);
    assert_true(root->item[0]->number == 1.5 && root->item[1]->number == -0.25);
    assert_int_equal(root->item[2]->kind, PICKLE_NONE);
    assert_true(root->item[3]->integer == 1 && root->item[4]->integer == 0);
    tec_pickle_free(p);
}

static void test_texts(void **state)
{
    (void)state;
    pickle *p;
    READ(p, "(U\x02"
            "abT\x02\x00\x00\x00"
            "cdX\x02\x00\x00\x00"
            "ef\x8c\x02gh\x8d\x02\x00\x00\x00\x00\x00\x00\x00ij"
            "S'k\\x6c\\n\\\\\\'\\q'\nS\"m\"\nV\\u00e9\\U0001f600\\x\n"
            "C\x01\x00"
            "B\x01\x00\x00\x00z\x8e\x00\x00\x00\x00\x00\x00\x00\x00t.");
    static const char *const wanted[] = {"ab", "cd",         "ef", "gh",
                                         "ij", "kl\n\\'\\q", "m",  "\xc3\xa9\xf0\x9f\x98\x80\\x"};
    const pickle_value *root = tec_pickle_root(p);
    assert_int_equal(root->count, 11);
    for (int i = 0; i < 8; i++)
        assert_text(root->item[i], wanted[i]);
    for (int i = 8; i < 11; i++)
        assert_int_equal(root->item[i]->kind, PICKLE_BYTES);
    assert_int_equal(root->item[9]->text.at[0], 'z');
    tec_pickle_free(p);
}

/* -- containers, memo, stack -- */

static void test_containers(void **state)
{
    (void)state;
    pickle *p;
    READ(p, "]q\x00(K\x01K\x02"
            "eK\x03"
            "ah\x00"
            "0}r\x01\x00\x00\x00(U\x01"
            "aK\x04U\x01"
            "bK\x05uU\x01"
            "cK\x06s\x86"
            "\x8f(K\x07\x90\x86.");
    const pickle_value *pair = tec_pickle_root(p), *list, *dict;
    list = pair->item[0]->item[0];
    dict = pair->item[0]->item[1];
    assert_int_equal(list->kind, PICKLE_LIST);
    assert_int_equal(list->count, 3);
    assert_int_equal(dict->kind, PICKLE_DICT);
    assert_int_equal(dict->count, 6);
    assert_text(dict->item[4], "c");
    assert_int_equal(dict->item[5]->integer, 6);
    assert_int_equal(pair->item[1]->kind, PICKLE_SET);
    tec_pickle_free(p);

    READ(p, "(K\x01K\x02K\x03"
            "1(K\x04K\x06(K\x05"
            "01d2\x86."); /* marks dropped, an empty dict twice */
    tec_pickle_free(p);
    READ(p, "\x80\x04\x95\x07\x00\x00\x00\x00\x00\x00\x00\x8c\x01"
            "a\x94h\x00\x86.");
    assert_ptr_equal(tec_pickle_root(p)->item[0], tec_pickle_root(p)->item[1]);
    tec_pickle_free(p);
    READ(p, "K\x01p5\n0K\x02\x94"
            "0g5\n.");
    assert_int_equal(tec_pickle_root(p)->integer, 1);
    tec_pickle_free(p);
}

static void test_objects(void **state)
{
    (void)state;
    pickle *p;
    READ(p, "(cargparse\nNamespace\n)\x81}U\x01"
            "aK\x01sb"                                                    /* NEWOBJ, BUILD */
            "\x8c\x05numpy\x8c\x06scalar\x93K\x01\x85R"                   /* STACK_GLOBAL, REDUCE */
            "(K\x01K\x02imy\nClass\n(cmy\nOther\nK\x03o"                  /* INST, OBJ */
            "ccollections\nOrderedDict\n)RU\x01xK\x09s}U\x09_metadataNsb" /* as a state_dict has it */
            "cmy\nKey\n)}\x92U\x01p\x85Q.");                              /* NEWOBJ_EX, BINPERSID */
    tec_pickle_free(p);
    READ(p, "(cargparse\nNamespace\n)\x81}U\x01"
            "aK\x01sb(K\x01K\x02imy\nClass\n(cmy\nOther\nK\x03o"
            "ccollections\nOrderedDict\n)RU\x01xK\x09sU\x01p\x85Qt.");
    const pickle_value *root = tec_pickle_root(p);
    assert_int_equal(root->count, 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(root->item[i]->kind, PICKLE_OBJECT);
    assert_true(tec_pickle_is_global(root->item[0]->object.class, "argparse", "Namespace"));
    assert_int_equal(root->item[0]->object.state->kind, PICKLE_DICT);
    assert_true(tec_pickle_is_global(root->item[1]->object.class, "my", "Class"));
    assert_int_equal(root->item[1]->object.args->count, 2);
    assert_true(tec_pickle_is_global(root->item[2]->object.class, "my", "Other"));
    assert_int_equal(root->item[2]->object.args->count, 1);
    assert_int_equal(root->item[3]->count, 2);
    assert_int_equal(root->item[4]->kind, PICKLE_PERSISTENT);
    assert_int_equal(tec_pickle_persistents(p), 1);
    assert_ptr_equal(tec_pickle_persistent(p, 0), root->item[4]);
    tec_pickle_free(p);
}

/* -- refusals -- */

static void test_refused_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"os", "system"},
                                           {"os.path", "join"},
                                           {"posix", "system"},
                                           {"nt", "system"},
                                           {"subprocess", "Popen"},
                                           {"sys", "modules"},
                                           {"builtins", "eval"},
                                           {"builtins", "exec"},
                                           {"builtins", "compile"},
                                           {"__builtin__", "__import__"},
                                           {"builtins", "open"},
                                           {"runpy", "run_path"},
                                           {"socket", "socket"},
                                           {"shutil", "rmtree"},
                                           {"importlib", "import_module"},
                                           {"pty", "spawn"},
                                           {"ctypes", "CDLL"},
                                           {"code", "interact"},
                                           {"torch", "os.system"},
                                           {"torch.serialization", "os"},
                                           {"builtins", "eval.__call__"},
                                           {"torch", "load"},
                                           {"pickle", "loads"}};
    static const char *const harmless[][2] = {
        {"builtins", "getattr"}, {"builtins", "set"},   {"pathlib", "PosixPath"},     {"functools", "partial"},
        {"osmium", "x"},         {"my.code", "system"}, {"types", "SimpleNamespace"}, {"", ""},
        {"builtins", ""}};
    char text[200], wanted[200];
    pickle *p;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int size = snprintf(text, sizeof text,
                            "\x80\x02K\x01"
                            "0c%s\n%s\n.",
                            names[i][0], names[i][1]);
        snprintf(wanted, sizeof wanted, "names %s.%s at byte 5, which has no place", names[i][0], names[i][1]);
        assert_refused(text, (size_t)size, wanted);
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        int size = snprintf(text, sizeof text, "c%s\n%s\n.", harmless[i][0], harmless[i][1]);
        assert_int_equal(read_bytes(&p, text, (size_t)size), TEC_OK);
        tec_pickle_free(p);
    }
    REFUSED("V\\u006f\\u0073\nVsystem\n\x93.", "os.system");
}

static void test_damaged(void **state)
{
    (void)state;
    static const char whole[] = "\x80\x04\x95\x40\x00\x00\x00\x00\x00\x00\x00}q\x00(\x8c\x01"
                                "aG\x3f\xf8\x00\x00\x00\x00"
                                "\x00\x00U\x01"
                                "b\x8a\x03\x01\x02\x03u\x8c\x05torch\x8c\x04Size\x93(K\x01K\x02t\x85R\x86"
                                "cmy\nClass\n)\x81}b\x86I12\n\x86.";
    pickle *p;
    READ(p, whole);
    tec_pickle_free(p);
    for (size_t size = 0; size + 1 < sizeof whole - 1; size++)
        assert_int_equal(read_bytes(&p, whole, size), TEC_USER_ERROR);
    REFUSED("", "ends at byte 0");
    REFUSED(".", "no value");
    REFUSED("\x80\x06.", "later than 5");
    REFUSED("\xff.", "unknown operation at byte 0");
    REFUSED("\x82\x01.", "unknown operation"); /* an extension */
    REFUSED("a.", "too few values");
    REFUSED("K\x01(\x85.", "too few values"); /* not across a mark */
    REFUSED("t.", "no mark");
    REFUSED("K\x01K\x02"
            "a.",
            "cannot hold");
    REFUSED("(K\x01"
            "d.",
            "key without");
    REFUSED("}(K\x01u.", "key without");
    REFUSED(")K\x01"
            "a.",
            "cannot hold"); /* a tuple is what it is */
    REFUSED("h\x00.", "missing memo entry");
    REFUSED("K\x01r\x00\x00\x00\x7f.", "too large for a pickle of this size");
    REFUSED("K\x01p99999999999\n.", "bad index");
    REFUSED("X\xff\xff\xff\xff.", "ends within");
    REFUSED("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "ends within");
    REFUSED("\x8b\xff\xff\xff\xff.", "ends within");
    REFUSED("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "frame");
    REFUSED("cos", "ends within the line");
    REFUSED("I1x\n.", "bad number");
    REFUSED("I\n.", "bad number");
    REFUSED("F\n.", "bad number");
    REFUSED("Sabc\n.", "quotes");
    REFUSED("S'\n.", "quotes");
    REFUSED("K\x01K\x02\x93.", "not a string");
    REFUSED("cmy\nClass\nK\x01R.", "not a tuple");
    REFUSED("(o.", "without a class");
}

static void test_too_many(void **state)
{
    (void)state;
    size_t size = 5000000;
    pickle *p;
    char *marks = malloc(size);
    memset(marks, '(', size);
    assert_int_equal(read_bytes(&p, marks, size), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "more than"));
    memset(marks, ']', size);
    assert_int_equal(read_bytes(&p, marks, size), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "more than"));
    free(marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_floats_and_constants),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_containers),
        cmocka_unit_test(test_objects),  cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_damaged),  cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
