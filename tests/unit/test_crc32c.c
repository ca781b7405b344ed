/* CRC-32C: published vectors, any length and alignment, in one go or in pieces. */
#include "tec/crc32c.h"
#include "tec/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LONGEST 20000

static uint32_t bit_by_bit(const unsigned char *data, size_t bytes)
{
    uint32_t state = ~0u;
    for (size_t i = 0; i < bytes; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            state = state >> 1 ^ (state & 1 ? 0x82f63b78u : 0);
    }
    return ~state;
}

static unsigned char *random_bytes(size_t bytes)
{
    unsigned char *data = malloc(bytes);
    tec_philox random = tec_philox_start(7, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)tec_philox_word(&random);
    return data;
}

static void test_published_vectors(void **state)
{
    (void)state;
    unsigned char zero[32] = {0}, ones[32], rising[32], falling[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        rising[i] = (unsigned char)i;
        falling[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(tec_crc32c(0, "123456789", 9), 0xe3069283);
    /* RFC 3720, appendix B.4 */
    assert_int_equal(tec_crc32c(0, zero, 32), 0x8a9136aa);
    assert_int_equal(tec_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(tec_crc32c(0, rising, 32), 0x46dd794e);
    assert_int_equal(tec_crc32c(0, falling, 32), 0x113fdb5c);
    assert_int_equal(tec_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(tec_crc32c(0, "", 0), 0);
}

static void test_every_length_and_alignment(void **state)
{
    (void)state;
    unsigned char *data = random_bytes(LONGEST);
    static const size_t length[] = {1, 7, 8, 9, 63, 1024, 3071, 3072, 3073, 3080, 6144, 9999, 19000};
    for (size_t k = 0; k < sizeof length / sizeof *length; k++)
        for (size_t start = 0; start < 9; start++) {
            uint32_t want = bit_by_bit(data + start, length[k]);
            assert_int_equal(tec_crc32c(0, data + start, length[k]), want);
            assert_int_equal(tec_crc32c_portable(0, data + start, length[k]), want);
        }
    free(data);
}

static void test_continues_in_pieces(void **state)
{
    (void)state;
    unsigned char *data = random_bytes(LONGEST);
    uint32_t whole = tec_crc32c(0, data, LONGEST);
    for (size_t cut = 0; cut <= LONGEST; cut += 1117)
        assert_int_equal(tec_crc32c(tec_crc32c(0, data, cut), data + cut, LONGEST - cut), whole);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_every_length_and_alignment),
        cmocka_unit_test(test_continues_in_pieces),
    };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
