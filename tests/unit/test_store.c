/* Target stores: written, read, verified, damaged, refused; int8 and its errors. */
#include "file_limit.h"
#include "folder.h"
#include "noise_store.h"

#include "tec/files.h"
#include "tec/h5.h"
#include "tec/memory.h"
#include "tec/store.h"
#include "tec/text.h"

#include "src/store/store_parts.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SAMPLES = 23,
    V = 2,
    L = 9,
    C = 10,
    H = 2,
    K = 3,
    S = 6,
    ROWS = SAMPLES * V,
    SHARD_ROWS = 8,
    SHARDS = 6,
    VOID = 5
};
enum { FEATURES = L * C, LOGITS = (1 + K) * H * L, PIXELS = S * S * 3 };

/* What HDF5 itself forgets when it cannot open a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static char dir[2048];

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

static tec_store_spec make_spec(tec_target_type type)
{
    return (tec_store_spec){.samples = SAMPLES,
                            .views = V,
                            .patches = L,
                            .width = C,
                            .heads = H,
                            .topk = K,
                            .last_layers = 2,
                            .type = type,
                            .images = true,
                            .image_size = {S, S},
                            .patch = 2,
                            .channels = 3,
                            .mean = {0.1, 0.2, 0.3},
                            .std = {1, 2, 1.0 / 3},
                            .crop_scale = {0.2, 1},
                            .crop_ratio = {0.75, 4.0 / 3},
                            .flip = true,
                            .seed = UINT64_MAX,
                            .base = 0xfedcba9876543210,
                            .dataset = 1,
                            .shard_rows = SHARD_ROWS};
}

/* A row and the memory that it points to. */
typedef struct whole_row {
    float feature[FEATURES], attention[LOGITS];
    int32_t topk[K];
    uint8_t image[PIXELS];
    tec_store_row row;
} whole_row;

static tec_store_row *attach(whole_row *r)
{
    r->row.feature = r->feature;
    r->row.attention = r->attention;
    r->row.topk = r->topk;
    r->row.image = r->image;
    return &r->row;
}

/* What the store is to hold; sample VOID is void. */
static tec_store_row *make_row(whole_row *r, int64_t row)
{
    const tec_store_spec spec = make_spec(TEC_TARGET_FLOAT32);
    noise_store_row(&spec, row, attach(r));
    if (r->row.sample == VOID)
        r->row.sample = -1;
    return &r->row;
}

static tec_store_writer *open_writer(const tec_store_spec *spec, int64_t shard)
{
    tec_store_writer *writer;
    bool done;
    assert_int_equal(tec_store_writer_open(&writer, dir, spec, shard, &done), TEC_OK);
    assert_false(done);
    return writer;
}

/* Rows in the order first, first + step, ...: the order must not matter. */
static void put_rows(tec_store_writer *writer, int64_t shard, bool backwards)
{
    whole_row r;
    int64_t first = shard * SHARD_ROWS, count = ROWS - first < SHARD_ROWS ? ROWS - first : SHARD_ROWS;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = backwards ? count - 1 - i : i;
        assert_int_equal(tec_store_writer_put(writer, row, make_row(&r, first + row)), TEC_OK);
    }
}

static void write_shard(const tec_store_spec *spec, int64_t shard)
{
    tec_store_writer *writer = open_writer(spec, shard);
    put_rows(writer, shard, shard & 1);
    assert_int_equal(tec_store_writer_commit(writer), TEC_OK);
}

static void write_store(const tec_store_spec *spec)
{
    int64_t missing;
    for (int64_t shard = 0; shard < SHARDS; shard++)
        write_shard(spec, shard);
    assert_int_equal(tec_store_finish(dir, spec, &missing), TEC_OK);
    assert_int_equal(missing, 0);
}

static tec_status open_store(tec_store **store)
{
    char *text;
    size_t bytes;
    *store = NULL;
    tec_status status = tec_store_manifest(dir, &text, &bytes);
    if (status == TEC_OK)
        status = tec_store_open(store, dir, text, bytes);
    free(text);
    return status;
}

static void assert_message(const char *part)
{
    if (!strstr(tec_error_message(), part))
        fail_msg("`%s` is not in the message: %s", part, tec_error_message());
}

static char *shard_path(int shard)
{
    return tec_string_format("%s/shard-%05d.h5", dir, shard);
}

/* -- round trip -- */

/* Largest error that a type may make: half a step. */
static float feature_bound(tec_target_type type, const whole_row *r, int i)
{
    float largest = 0;
    for (int l = 0; l < L; l++)
        largest = fmaxf(largest, fabsf(r->feature[l * C + i % C]));
    switch (type) {
    case TEC_TARGET_FLOAT32:
        return 0;
    case TEC_TARGET_FLOAT16:
        return fabsf(r->feature[i]) * 0x1p-11f + 0x1p-25f;
    case TEC_TARGET_INT8:
        return largest / 127 / 2 * 1.0001f;
    }
    return 0;
}

static float attention_bound(tec_target_type type, const whole_row *r, int i)
{
    const float *row = r->attention + i / L * L;
    float top = row[0], bottom = row[0];
    for (int l = 1; l < L; l++) {
        top = fmaxf(top, row[l]);
        bottom = fminf(bottom, row[l]);
    }
    if (type == TEC_TARGET_INT8)
        /* Besides: rounding of the sum, and of a step that is subnormal. */
        return (top / 254 - bottom / 254) / 2 * 1.0001f + fmaxf(fabsf(top), fabsf(bottom)) * 0x1p-22f + 0x1p-140f;
    return fabsf(r->attention[i]) * 0x1p-11f + 0x1p-25f;
}

static void add_error(const float *got, const float *want, int count, double *difference, double *square)
{
    for (int i = 0; i < count; i++) {
        *difference += pow((double)got[i] - want[i], 2);
        *square += pow(want[i], 2);
    }
}

static void assert_row(const whole_row *got, int64_t row, tec_target_type type, tec_store_error *sum)
{
    whole_row want;
    make_row(&want, row);
    assert_int_equal(got->row.sample, want.row.sample);
    if (want.row.sample < 0)
        return;
    for (int i = 0; i < FEATURES; i++)
        assert_true(fabsf(got->feature[i] - want.feature[i]) <= feature_bound(type, &want, i));
    for (int i = 0; i < LOGITS; i++)
        assert_true(fabsf(got->attention[i] - want.attention[i]) <= attention_bound(type, &want, i));
    add_error(got->feature, want.feature, FEATURES, &sum->feature_difference, &sum->feature_square);
    add_error(got->attention, want.attention, LOGITS, &sum->attention_difference, &sum->attention_square);
    assert_memory_equal(got->topk, want.topk, sizeof want.topk);
    assert_memory_equal(got->image, want.image, sizeof want.image);
    assert_memory_equal(&got->row.view, &want.row.view, sizeof want.row.view);
}

static void assert_near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-9 * want);
}

static void round_trip(tec_target_type type)
{
    tec_store_spec spec = make_spec(type);
    tec_store *store;
    const int64_t *void_row;
    tec_store_error sum = {0};
    whole_row got;
    write_store(&spec);
    assert_int_equal(open_store(&store), TEC_OK);
    assert_int_equal(tec_store_match(store, &spec, dir), TEC_OK);
    for (int64_t row = ROWS - 1; row >= 0; row--) {
        assert_int_equal(tec_store_read(store, row, attach(&got)), TEC_OK);
        assert_row(&got, row, type, &sum);
    }
    const tec_store_error *error = tec_store_get_error(store);
    assert_near(error->feature_difference, sum.feature_difference);
    assert_near(error->feature_square, sum.feature_square);
    assert_near(error->attention_difference, sum.attention_difference);
    assert_near(error->attention_square, sum.attention_square);
    assert_true(error->attention_difference > 0);
    assert_int_equal(tec_store_void_rows(store, &void_row), V);
    for (int v = 0; v < V; v++)
        assert_int_equal(void_row[v], VOID * V + v);
    assert_true(tec_store_bytes(store) > ROWS * tec_store_row_bytes(&spec));
    for (int64_t shard = 0; shard < SHARDS; shard++)
        assert_int_equal(tec_store_verify_shard(store, shard), TEC_OK);
    tec_store_close(store);
}

static void test_round_trip_float32(void **state)
{
    (void)state;
    round_trip(TEC_TARGET_FLOAT32);
}

static void test_round_trip_float16(void **state)
{
    (void)state;
    round_trip(TEC_TARGET_FLOAT16);
}

static void test_round_trip_int8(void **state)
{
    (void)state;
    round_trip(TEC_TARGET_INT8);
}

/* Rows of logits that are all the same, nearly the same, far apart, far from zero. */
static void test_int8_of_unusual_logits(void **state)
{
    (void)state;
    const struct {
        float middle, step;
    } kind[] = {{3e38f, 0}, {0, 0}, {0, 1e-42f}, {1e4f, 0x1p-9f}, {0, 8e37f}, {-700, 100}};
    tec_store_spec spec = make_spec(TEC_TARGET_INT8);
    store_layout layout = tec_store_layout_of(&spec);
    char *buffer = tec_allocate(layout.buffer);
    float scratch[FEATURES + LOGITS];
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
        whole_row given, got;
        tec_store_error error = {0};
        make_row(&given, 0);
        for (int i = 0; i < LOGITS; i++)
            given.attention[i] = kind[k].middle + (float)(i * 5 % L - L / 2) * kind[k].step;
        assert_true(tec_store_row_encode(&spec, &layout, &given.row, buffer, scratch, &error));
        tec_store_row_decode(&spec, &layout, buffer, attach(&got));
        for (int i = 0; i < LOGITS; i++)
            assert_true(fabsf(got.attention[i] - given.attention[i]) <= attention_bound(TEC_TARGET_INT8, &given, i));
    }
    free(buffer);
}

static void read_dataset(hid_t file, const char *name, hid_t type, void *out)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Dclose(dataset);
}

/* What the format promises to readers that are not ours. */
static void test_int8_attention_through_hdf5(void **state)
{
    (void)state;
    static int8_t logit[SHARD_ROWS][1 + K][H][L];
    static float scale[SHARD_ROWS][1 + K][H][2];
    tec_store_spec spec = make_spec(TEC_TARGET_INT8);
    whole_row want;
    hid_t file;
    write_shard(&spec, 0);
    char *path = shard_path(0);
    assert_int_equal(tec_h5_open(path, &file), TEC_OK);
    read_dataset(file, "attention", H5T_NATIVE_INT8, logit);
    read_dataset(file, "attention_scale", H5T_NATIVE_FLOAT, scale);
    H5Fclose(file);
    free(path);
    make_row(&want, 3);
    for (int i = 0; i < LOGITS; i++) {
        const float *s = &scale[3][0][0][0] + i / L * 2;
        float got = (float)(&logit[3][0][0][0])[i] * s[0] + s[1];
        assert_true(fabsf(got - want.attention[i]) <= attention_bound(TEC_TARGET_INT8, &want, i));
    }
}

static void test_without_images_and_topk(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store *store;
    whole_row got;
    spec.images = false;
    spec.topk = 0;
    write_store(&spec);
    assert_int_equal(open_store(&store), TEC_OK);
    attach(&got)->image = NULL;
    assert_int_equal(tec_store_read(store, 3, &got.row), TEC_OK);
    assert_int_equal(tec_store_verify_shard(store, 0), TEC_OK);
    tec_store_close(store);
}

/* -- several readers, several writers -- */

static void *read_everything(void *store)
{
    for (int64_t i = 0; i < 4 * ROWS; i++) {
        whole_row got, want;
        int64_t row = i * 7 % ROWS;
        if (tec_store_read(store, row, attach(&got)) != TEC_OK)
            return "a row cannot be read";
        make_row(&want, row);
        if (got.row.sample != want.row.sample || (got.row.sample >= 0 && memcmp(got.image, want.image, PIXELS) != 0))
            return "a row is wrong";
    }
    return NULL;
}

static void test_reads_from_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    tec_store_spec spec = make_spec(TEC_TARGET_INT8);
    tec_store *store;
    pthread_t thread[THREADS];
    write_store(&spec);
    assert_int_equal(open_store(&store), TEC_OK);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, read_everything, store), 0);
    for (int t = 0; t < THREADS; t++) {
        void *complaint;
        pthread_join(thread[t], &complaint);
        assert_null(complaint);
    }
    tec_store_close(store);
}

static void test_two_writers_of_the_same_shard(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    bool done;
    tec_store_writer *a = open_writer(&spec, 2), *b = open_writer(&spec, 2), *c = open_writer(&spec, 2), *d;
    put_rows(a, 2, false);
    put_rows(b, 2, false);
    assert_int_equal(tec_store_writer_commit(a), TEC_OK);
    char *path = shard_path(2), *first, *second;
    size_t bytes, again;
    assert_int_equal(tec_file_read(path, 1 << 20, &first, &bytes), TEC_OK);
    assert_int_equal(tec_store_writer_commit(b), TEC_OK);
    tec_store_writer_abandon(c);
    assert_int_equal(tec_file_read(path, 1 << 20, &second, &again), TEC_OK);
    assert_int_equal(again, bytes);
    assert_memory_equal(first, second, bytes);
    assert_int_equal(tec_store_writer_open(&d, dir, &spec, 2, &done), TEC_OK);
    assert_true(done);
    assert_null(d);
    assert_int_equal(tec_store_shard_done(dir, &spec, 3, &done), TEC_OK);
    assert_false(done);
    char *command = tec_string_format("test $(ls -A '%s' | wc -l) = 1", dir);
    assert_int_equal(system(command), 0); /* nothing else is left behind */
    free(command);
    free(first);
    free(second);
    free(path);
}

/* -- what can be wrong -- */

static void test_missing_manifest_and_shards(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store *store;
    int64_t missing;
    assert_int_equal(open_store(&store), TEC_USER_ERROR);
    assert_message("holds no target store");
    write_shard(&spec, 0);
    write_shard(&spec, 4);
    assert_int_equal(tec_store_finish(dir, &spec, &missing), TEC_OK);
    assert_int_equal(missing, SHARDS - 2);
    assert_int_equal(open_store(&store), TEC_USER_ERROR);
    assert_message("is not finished");
}

static void test_mismatch_names_the_field(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16), other[22];
    const char *const part[] = {"base = fedcba9876543210, this run wants 0000000000000003 (base.model)",
                                "dataset = 0000000000000001",
                                "samples = 23, this run wants 24",
                                "views = 2, this run wants 1 (targets.views)",
                                "image_size = 6, this run wants [6, 7] (data.image_size)",
                                "channels = 3",
                                "patch = 2",
                                "patches = 9",
                                "width = 10",
                                "heads = 2",
                                "topk = 3, this run wants 2 (targets.topk)",
                                "last_layers = 2",
                                "mean = [0.1, 0.2, 0.3], this run wants [0.1, 0.25, 0.3] (base.mean)",
                                "std = [1, 2, 0.333333333]",
                                "crop_scale = [0.2, 1], this run wants [0.08, 1] (data.crop_scale)",
                                "flip = true, this run wants false",
                                "seed = 18446744073709551615, this run wants 0 (run.seed)",
                                "plain_features = false, this run wants true (targets.standardise)",
                                "an earlier program, which did not record it), this run wants 1e-05: to train from",
                                "range = bytes, this run wants 0,1 (data.range)",
                                "bands = all, this run wants 3,2,1 (data.bands)",
                                "mean_query = false, this run wants true (base.model)"};
    for (int i = 0; i < 22; i++)
        other[i] = spec;
    other[0].base = 3;
    other[1].dataset++;
    other[2].samples++;
    other[3].views--;
    other[4].image_size.width++;
    other[5].channels = 1;
    other[6].patch++;
    other[7].patches++;
    other[8].width++;
    other[9].heads++;
    other[10].topk--;
    other[11].last_layers++;
    other[12].mean[1] = 0.25;
    other[13].std[2] = 1;
    other[14].crop_scale[0] = 0.08;
    other[15].flip = false;
    other[16].seed++;
    other[17].plain_features = true;
    other[18].norm_eps = 1e-5;
    strcpy(other[19].range, "0,1");
    strcpy(other[20].bands, "3,2,1");
    other[20].dataset++; /* as bands change it: what changed it is named */
    other[21].mean_query = true;
    tec_store *store;
    bool done;
    write_store(&spec);
    assert_int_equal(open_store(&store), TEC_OK);
    for (int i = 0; i < 22; i++) {
        assert_int_equal(tec_store_match(store, &other[i], dir), TEC_USER_ERROR);
        assert_message(part[i]);
        assert_int_equal(tec_store_shard_done(dir, &other[i], 0, &done), TEC_USER_ERROR);
        assert_message(part[i]);
    }
    tec_store_spec storage = spec; /* is a matter of the writer alone */
    storage.type = TEC_TARGET_INT8;
    assert_int_equal(tec_store_match(store, &storage, dir), TEC_OK);
    assert_int_equal(tec_store_shard_done(dir, &storage, 0, &done), TEC_USER_ERROR);
    assert_message("type = float16, this run wants int8 (targets.type)");
    tec_store_close(store);
}

/* Range and bands are in manifest and shards, but where they are the default, as in stores of earlier programs. */
static void test_bands_are_recorded(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16), usual = spec, found;
    tec_store *store;
    int64_t shard;
    for (int i = 0; i < TEC_BANDS_MOST; i++) /* the longest there is */
        sprintf(spec.bands + strlen(spec.bands), "%s65535", i ? "," : "");
    strcpy(spec.range, "-1.2345678901234567e-300,1.2345678901234567e-299");
    assert_true(tec_store_identity(&spec) != tec_store_identity(&usual));
    for (int round = 0; round < 2; round++) {
        const tec_store_spec *s = round ? &usual : &spec;
        char *path = tec_path_join(dir, "shard-00000.h5");
        write_store(s);
        assert_int_equal(open_store(&store), TEC_OK);
        assert_int_equal(tec_store_match(store, s, dir), TEC_OK);
        assert_int_equal(tec_store_match(store, round ? &spec : &usual, dir), TEC_USER_ERROR);
        assert_message("(data.range)");
        tec_store_close(store);
        assert_int_equal(tec_store_read_shard_spec(path, &found, &shard), TEC_OK);
        assert_string_equal(found.bands, s->bands);
        assert_string_equal(found.range, s->range);
        hid_t file;
        assert_int_equal(tec_h5_open(path, &file), TEC_OK);
        assert_true(tec_h5_has_attribute(file, "range") == !round && tec_h5_has_attribute(file, "bands") == !round);
        H5Fclose(file);
        free(path);
        assert_int_equal(remove_dir(NULL) || make_dir(NULL), 0);
    }
}

static void flip_bit(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 4, file);
    assert_int_equal(fclose(file), 0);
}

static long place_of(const char *path, const char *name)
{
    hid_t file;
    assert_int_equal(tec_h5_open(path, &file), TEC_OK);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    long place = (long)H5Dget_offset(dataset);
    H5Dclose(dataset);
    H5Fclose(file);
    return place;
}

static void test_flipped_bit_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int bytes; /* of a row */
    } part[] = {{"feature", FEATURES}, {"feature_scale", 4 * C},
                {"attention", LOGITS}, {"attention_scale", 8 * (1 + K) * H},
                {"topk", 2 * K},       {"view", 20},
                {"sample", 8},         {"image", PIXELS},
                {"crc32c", 4}};
    tec_store_spec spec = make_spec(TEC_TARGET_INT8);
    tec_store *store;
    whole_row got;
    write_store(&spec);
    assert_int_equal(open_store(&store), TEC_OK);
    char *path = shard_path(1);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        long at = place_of(path, part[i].name) + 6 * part[i].bytes + 1; /* row 6 of shard 1 */
        flip_bit(path, at);
        assert_int_equal(tec_store_read(store, SHARD_ROWS + 5, attach(&got)), TEC_OK);
        assert_int_equal(tec_store_read(store, SHARD_ROWS + 6, attach(&got)), TEC_USER_ERROR);
        assert_message("shard-00001.h5: row 6 is damaged");
        assert_int_equal(tec_store_verify_shard(store, 1), TEC_CHECK_FAILED);
        assert_message("shard-00001.h5");
        assert_int_equal(tec_store_verify_shard(store, 0), TEC_OK);
        flip_bit(path, at);
    }
    assert_int_equal(tec_store_verify_shard(store, 1), TEC_OK);
    free(path);
    tec_store_close(store);
}

static void test_lost_cut_and_exchanged_shards(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store *store;
    whole_row got;
    bool done;
    write_store(&spec);
    char *lost = shard_path(1), *cut = shard_path(2), *third = shard_path(3), *fourth = shard_path(4);
    struct stat info;
    assert_int_equal(stat(cut, &info), 0);
    assert_int_equal(unlink(lost), 0);
    assert_int_equal(truncate(cut, info.st_size - 1), 0);
    assert_int_equal(rename(third, fourth), 0);
    assert_int_equal(open_store(&store), TEC_OK);
    assert_int_equal(tec_store_read(store, 1 * SHARD_ROWS, attach(&got)), TEC_USER_ERROR);
    assert_message("shard-00001.h5 is missing");
    assert_int_equal(tec_store_verify_shard(store, 1), TEC_CHECK_FAILED);
    assert_message("No such file");
    assert_int_equal(tec_store_read(store, 2 * SHARD_ROWS, attach(&got)), TEC_USER_ERROR);
    assert_message("shard-00002.h5 has");
    assert_int_equal(tec_store_verify_shard(store, 2), TEC_CHECK_FAILED);
    assert_int_equal(tec_store_shard_done(dir, &spec, 2, &done), TEC_USER_ERROR);
    assert_message("delete it");
    assert_int_equal(tec_store_read(store, 4 * SHARD_ROWS, attach(&got)), TEC_USER_ERROR);
    assert_message("holds another sample");
    assert_int_equal(tec_store_verify_shard(store, 4), TEC_CHECK_FAILED);
    assert_message("is shard 3 of its store");
    tec_store_close(store);
    free(lost);
    free(cut);
    free(third);
    free(fourth);
}

static void test_shard_of_another_kind_in_the_way(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store_writer *writer;
    bool done;
    char *path = shard_path(0);
    assert_int_equal(tec_file_write(path, "something else", 14), TEC_OK);
    assert_int_equal(tec_store_writer_open(&writer, dir, &spec, 0, &done), TEC_USER_ERROR);
    assert_message("is not an HDF5 file");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(tec_store_writer_open(&writer, dir, &spec, 0, &done), TEC_USER_ERROR);
    assert_message("is not a shard of a target store");
    free(path);
}

/* Every text that replaces a part of a good manifest is refused. */
static void test_wrong_manifests(void **state)
{
    (void)state;
    static const struct {
        const char *good, *bad, *part;
    } each[] = {
        {"{", "[", "manifest.json:"},
        {"tec-targets", "something", "is not the manifest of a target store"},
        {"\"version\": 1", "\"version\": 3", "has version 3 of the format; this program knows versions up to 2"},
        {"\"version\": 1", "\"version\": 2", "of type float16 this program reads version 1"},
        {"\"version\": 1", "\"version\": \"1\"", "has version 0 of the format"},
        {"\"type\": \"float16\"", "\"type\": \"int8\"", "of type int8 this program reads version 2"},
        {"\"samples\": 23", "\"samples\": 99999999999999", "samples is missing or wrong"},
        {"\"samples\": 23", "\"samples\": 99999999", "lists 6 shards instead of"},
        {"\"patches\": 9", "\"patches\": 0", "patches is missing or wrong"},
        {"\"patches\": 9", "\"patches\": 2", "topk is 3, but there are only 2 patches"},
        {"\"width\": 10", "\"breadth\": 10", "width is missing or wrong"},
        {"\"type\": \"float16\"", "\"type\": \"float17\"", "type is missing or wrong"},
        {"\"type\": \"float16\"", "\"type\": 1", "type is missing or wrong"},
        {"\"flip\": true", "\"flip\": 1", "flip is missing or wrong"},
        {"\"seed\": \"f", "\"seed\": \"g", "seed is missing or wrong"},
        {"\"rows\": 8", "\"rows\": 9", "the entry of shard 0"},
        {"\"feature\": ", "\"feature\": 99", "the entry of shard 0"},
        {"\"feature\": ", "\"feature\": -", "the entry of shard 0"},
        {"shard-00002.h5", "../00002222.h5", "the entry of shard 2"},
        {"\"void_rows\": []", "\"void_rows\": [8]", "the entry of shard 0"},
    };
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store *store;
    write_store(&spec);
    char *good, *path = tec_path_join(dir, "manifest.json");
    size_t bytes;
    assert_int_equal(tec_store_manifest(dir, &good, &bytes), TEC_OK);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        char *at = strstr(good, each[i].good);
        assert_non_null(at);
        char *bad = tec_string_format("%.*s%s%s", (int)(at - good), good, each[i].bad, at + strlen(each[i].good));
        assert_int_equal(tec_file_write(path, bad, strlen(bad)), TEC_OK);
        assert_int_equal(open_store(&store), TEC_USER_ERROR);
        assert_message(each[i].part);
        assert_null(store);
        free(bad);
    }
    for (size_t cut = 0; cut < bytes - 1; cut += 37)
        assert_int_equal(tec_store_open(&store, dir, good, cut), TEC_USER_ERROR);
    free(good);
    free(path);
}

static void test_values_that_are_not_finite(void **state)
{
    (void)state;
    const float wild[] = {NAN, INFINITY, -INFINITY};
    for (int type = TEC_TARGET_FLOAT32; type <= TEC_TARGET_INT8; type++) {
        tec_store_spec spec = make_spec((tec_target_type)type);
        tec_store_writer *writer = open_writer(&spec, 0);
        void *buffer = tec_allocate(tec_store_round_bytes(&spec));
        whole_row r;
        for (int i = 0; i < 6; i++) {
            make_row(&r, 2);
            (i & 1 ? r.attention : r.feature)[7] = wild[i / 2];
            assert_int_equal(tec_store_writer_put(writer, 2, &r.row), TEC_USER_ERROR);
            assert_message("output for sample 1 is not finite");
            assert_int_equal(tec_store_round(&spec, 5, r.feature, r.attention, buffer), TEC_USER_ERROR);
            assert_message("output for sample 5 is not finite");
        }
        free(buffer);
        tec_store_writer_abandon(writer);
    }
}

static void test_settings_out_of_range(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store_writer *writer;
    bool done;
    spec.topk = L + 1;
    assert_int_equal(tec_store_writer_open(&writer, dir, &spec, 0, &done), TEC_USER_ERROR);
    assert_message("topk is 10, but there are only 9 patches");
}

static void test_full_disk(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    tec_store_writer *writer;
    bool done;
    limit_files(4096);
    tec_status status = tec_store_writer_open(&writer, dir, &spec, 0, &done);
    limit_files(RLIM_INFINITY);
    assert_int_equal(status, TEC_SYSTEM_ERROR);
    assert_message("shard-00000.h5: cannot be written: File too large (the limit is 4096 bytes in a file, ulimit -f)");
    assert_null(writer);
    assert_int_equal(rmdir(dir), 0); /* nothing is left */
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(tec_store_writer_open(&writer, "/nowhere", &spec, 0, &done), TEC_SYSTEM_ERROR);
    assert_message("/nowhere/shard-00000.h5");
}

/* A file that cannot be opened is not taken for another kind of file. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rlimit before, small;
    hid_t file;
    getrlimit(RLIMIT_NOFILE, &before);
    small = before;
    small.rlim_cur = 3;
    char *path = tec_path_join(dir, "file.h5");
    assert_int_equal(tec_file_write(path, "", 1), TEC_OK);
    setrlimit(RLIMIT_NOFILE, &small);
    tec_status status = tec_h5_open(path, &file);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(status, TEC_SYSTEM_ERROR);
    assert_message("file.h5: Too many open files (the limit is 3 open files, ulimit -n)");
    free(path);
}

static void test_rows_per_shard(void **state)
{
    (void)state;
    tec_store_spec spec = make_spec(TEC_TARGET_FLOAT16);
    int64_t row = tec_store_row_bytes(&spec);
    assert_int_equal(row, 2 * FEATURES + 2 * LOGITS + 2 * K + 20 + 8 + PIXELS + 4);
    spec.shard_rows = tec_store_shard_rows(&spec, 1024);
    assert_true(spec.shard_rows >= ROWS && tec_store_shards(&spec) == 1); /* too small to be divided */
    spec.samples = 1000000;
    spec.shard_rows = tec_store_shard_rows(&spec, 1024);
    assert_int_equal(tec_store_shards(&spec), 64);
    spec.shard_rows = tec_store_shard_rows(&spec, 2);
    assert_true(spec.shard_rows % V == 0 && spec.shard_rows * row <= 2 << 20 && (spec.shard_rows + V) * row > 2 << 20);
    assert_int_equal(tec_store_spread_rows(&spec, 3, 1), tec_store_shard_rows(&spec, 2));
    spec.shard_rows = tec_store_shard_rows(&spec, 1024);
    static const struct {
        int64_t makers, shards;
    } spread[] = {{1, 64}, {3, 64}, {32, 64}, {64, 64}, {33, 64}, {60, 120}, {65, 65}, {100, 100}, {1000, 1000}};
    for (size_t i = 0; i < sizeof spread / sizeof *spread; i++) {
        tec_store_spec few = spec;
        few.shard_rows = tec_store_spread_rows(&spec, spread[i].makers, 6);
        assert_int_equal(few.shard_rows % V, 0);
        assert_true(few.shard_rows % 6 == 0 || few.shard_rows == spec.shard_rows);
        assert_true(tec_store_shards(&few) <= spread[i].shards &&
                    100 * tec_store_shards(&few) >= 99 * spread[i].shards);
    }
    spec.width = 1 << 16; /* a row larger than a shard should be */
    assert_int_equal(tec_store_shard_rows(&spec, 1), V);
}

/* At the sizes of the public models: feature and attention halved, scales added. */
static void test_int8_saves_half(void **state)
{
    (void)state;
    const struct {
        int width, heads;
        int64_t bytes;
    } model[] = {{192, 3, 48254}, {768, 12, 192830}};
    for (int i = 0; i < 2; i++) {
        tec_store_spec spec = make_spec(TEC_TARGET_INT8);
        spec.images = false;
        spec.patches = 196;
        spec.topk = 15;
        spec.width = model[i].width;
        spec.heads = model[i].heads;
        int64_t bytes = tec_store_row_bytes(&spec);
        spec.type = TEC_TARGET_FLOAT16;
        assert_int_equal(bytes, model[i].bytes);
        assert_true((double)bytes <= 0.53 * (double)tec_store_row_bytes(&spec));
    }
}

/* As stores of int8 were, with attention in float16. */
static void test_int8_of_version_1_is_refused(void **state)
{
    (void)state;
    const int old = 1;
    tec_store_spec spec = make_spec(TEC_TARGET_INT8);
    bool done;
    write_shard(&spec, 0);
    char *path = shard_path(0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), version = H5Aopen(file, "version", H5P_DEFAULT);
    assert_true(H5Awrite(version, H5T_NATIVE_INT, &old) >= 0);
    H5Aclose(version);
    H5Fclose(file);
    assert_int_equal(tec_store_shard_done(dir, &spec, 0, &done), TEC_USER_ERROR);
    assert_message("shard-00000.h5 has version 1 of the format; of type int8 this program reads version 2: make the ");
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip_float32),
        TEST(test_round_trip_float16),
        TEST(test_round_trip_int8),
        cmocka_unit_test(test_int8_of_unusual_logits),
        TEST(test_int8_attention_through_hdf5),
        cmocka_unit_test(test_int8_saves_half),
        TEST(test_int8_of_version_1_is_refused),
        TEST(test_without_images_and_topk),
        TEST(test_reads_from_several_threads),
        TEST(test_two_writers_of_the_same_shard),
        TEST(test_missing_manifest_and_shards),
        TEST(test_mismatch_names_the_field),
        TEST(test_bands_are_recorded),
        TEST(test_flipped_bit_is_found),
        TEST(test_lost_cut_and_exchanged_shards),
        TEST(test_shard_of_another_kind_in_the_way),
        TEST(test_wrong_manifests),
        TEST(test_values_that_are_not_finite),
        TEST(test_settings_out_of_range),
        TEST(test_full_disk),
        TEST(test_no_descriptors),
        cmocka_unit_test(test_rows_per_shard),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
