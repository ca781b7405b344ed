/* Altered pictures equal Pillow's. */
#include "tec/alter.h"

#include "../data/pnm.h"

#include <stdbool.h>

typedef struct alter_case {
    char source[16], name[16];
    double argument;
} alter_case;

static tec_alteration find(const char *name)
{
    int what = 0;
    while (what < TEC_ALTERATIONS && strcmp(tec_alteration_name((tec_alteration)what), name))
        what++;
    if (what == TEC_ALTERATIONS)
        fail_msg("no alteration is called %s", name);
    return (tec_alteration)what;
}

static tec_image read_picture(const char *source, const char *ending)
{
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "alter/%s%s.pnm", source, ending);
    return read_pnm(path);
}

/* `done` cases of the same source came before. */
static void check_case(const alter_case *c, int done)
{
    static const uint8_t fill[3] = {124, 116, 104};
    tec_image picture = read_picture(c->source, ""), want = read_picture(c->source, "_altered");
    size_t bytes = (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels;
    picture.pixels = realloc(picture.pixels, bytes); /* exactly, so that a sanitizer sees writes behind it */
    assert_true((done + 1) * picture.height <= want.height);
    tec_picture_alter(&picture, find(c->name), c->argument, fill);
    int worst = worst_difference(picture.pixels, want.pixels + (size_t)done * bytes, bytes);
    if (worst)
        fail_msg("%s by %g of %s differs from Pillow by %d", c->name, c->argument, c->source, worst);
    tec_image_free(&picture);
    tec_image_free(&want);
}

static void test_alterations_equal_pillow(void **state)
{
    (void)state;
    FILE *list = fopen(TEST_DATA "alter/cases.txt", "r");
    assert_non_null(list);
    char source[16] = "";
    int count = 0, done = 0;
    bool seen[TEC_ALTERATIONS] = {false};
    alter_case c;
    while (fscanf(list, "%15s %15s %lf", c.source, c.name, &c.argument) == 3) {
        done = strcmp(source, c.source) ? 0 : done + 1;
        strcpy(source, c.source);
        check_case(&c, done);
        seen[find(c.name)] = true;
        count++;
    }
    fclose(list);
    assert_int_equal(count, 236);
    for (int what = 0; what < TEC_ALTERATIONS; what++)
        assert_true(seen[what]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alterations_equal_pillow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
