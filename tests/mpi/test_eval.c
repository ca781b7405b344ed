/* Features, and k-NN and linear probe of the same features, spread over any number of ranks:
 *     mpirun -n N test_eval
 * Every rank also works on all of them alone: features and counts of k-NN must be equal, the probe's loss to 1e-5. */
#include "tec/files.h"
#include "tec/knn.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/probe.h"
#include "tec/range.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 33
#define CLASSES 9

/* The share of rank `part` among `parts` of `total` rows; every third row is a copy of the one before. */
static tec_features make_features(int total, uint32_t kind, int part, int parts)
{
    tec_range share = tec_share(total, part, parts);
    tec_features f = {.total = total, .first = share.first, .count = share.count, .width = WIDTH, .classes = CLASSES};
    f.value = tec_allocate(sizeof(real) * (size_t)share.count * WIDTH);
    f.label = tec_allocate(sizeof(int32_t) * (size_t)share.count);
    for (int64_t row = 0; row < share.count; row++) {
        int64_t i = share.first + row;
        f.label[row] = (int32_t)(i * 4 % CLASSES);
        int64_t source = i % 3 == 2 ? i - 1 : i;
        tec_philox centre = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)(source * 4 % CLASSES), 0, 0);
        tec_philox noise = tec_philox_start(5, TEC_STREAM_TEST, (uint64_t)source, kind, 0);
        for (int j = 0; j < WIDTH; j++)
            f.value[row * WIDTH + j] = (real)(tec_philox_normal(&centre) + 2.5 * tec_philox_normal(&noise));
    }
    return f;
}

/* Both evaluations of the features spread over `comm`. Exits with 1 on an error. */
static void evaluate(const tec_comm *comm, tec_knn_result *knn, tec_probe_result *probe)
{
    const tec_knn_settings votes = {.k = {10, 20}, .temperature = 0.07};
    const tec_probe_settings linear = {
        .epochs = 12, .batch = 500, .lr = 20, .warmup_epochs = 2, .momentum = 0.9, .weight_decay = 0.001, .seed = 7};
    tec_features train = make_features(1801, 1, comm->rank, comm->size);
    tec_features test = make_features(700, 2, comm->rank, comm->size);
    tec_status status = tec_probe_run(comm, &linear, &train, &test, probe);
    tec_features_normalize(&train);
    tec_features_normalize(&test);
    if (status == TEC_OK)
        status = tec_knn_classify(comm, &votes, &train, &test, knn);
    if (status != TEC_OK)
        tec_abort(status);
    tec_features_free(&train);
    tec_features_free(&test);
}

/* Fewer test rows than ranks: some have nothing. */
static int check_empty_share(const tec_comm *comm)
{
    const tec_knn_settings settings = {.k = {1, 2}, .temperature = 0.07};
    tec_features train = make_features(2, 1, comm->rank, comm->size),
                 test = make_features(1, 1, comm->rank, comm->size);
    tec_features_normalize(&train);
    tec_features_normalize(&test);
    tec_knn_result got = {0};
    tec_status status = tec_knn_classify(comm, &settings, &train, &test, &got);
    tec_features_free(&train);
    tec_features_free(&test);
    return status != TEC_OK || got.total != 1 || got.top1[0] != 1;
}

/* All training rows are equal: the first k vote, wherever they are, and of these classes 2, 1, 0 have 3, 2 and the
 * rest. */
static int check_order(const tec_comm *comm)
{
    const tec_knn_settings settings = {.k = {5, 12}, .temperature = 0.07};
    tec_features train = make_features(40, 1, comm->rank, comm->size),
                 test = make_features(3, 1, comm->rank, comm->size);
    for (int64_t i = 0; i < train.count; i++) {
        int64_t number = train.first + i;
        train.label[i] = number < 3 ? 2 : number < 5 ? 1 : 0;
        for (int j = 0; j < WIDTH; j++)
            train.value[i * WIDTH + j] = 1;
    }
    for (int64_t i = 0; i < test.count; i++)
        test.label[i] = 2;
    tec_features_normalize(&train);
    tec_features_normalize(&test);
    tec_knn_result got = {0};
    tec_status status = tec_knn_classify(comm, &settings, &train, &test, &got);
    tec_features_free(&train);
    tec_features_free(&test);
    return status != TEC_OK || got.top1[0] != 3 || got.top5[0] != 3 || got.top1[1] != 0 || got.top5[1] != 3;
}

#define IMAGES 37
#define SIDE 8

/* Rank 0 writes IMAGES random images and lists them; all ranks open them. */
static tec_dataset *open_images(const tec_comm *comm)
{
    uint8_t images[16 + IMAGES * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, 0, 3, 0);
    for (size_t i = 16; i < sizeof images; i++)
        images[i] = (uint8_t)tec_philox_word(&random);
    char *list = NULL, *path = NULL;
    size_t bytes = 0;
    tec_status status = TEC_OK;
    if (comm->rank == 0) {
        path = tec_string_format("%s/tec-eval-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
        status = tec_file_write(path, images, sizeof images);
        if (status == TEC_OK)
            status = tec_dataset_scan(path, TEC_LABELS_NONE, &list, &bytes);
    }
    if (tec_comm_agree(comm, status) != TEC_OK)
        tec_abort(status);
    tec_comm_share_text(comm, &list, &bytes, 0);
    tec_dataset *set = NULL;
    status = tec_comm_agree(comm, tec_dataset_open(&set, list, bytes, 1, 0));
    if (comm->rank == 0)
        unlink(path);
    if (status != TEC_OK)
        tec_abort(status);
    free(list);
    free(path);
    return set;
}

/* The same bits on whichever rank; every image once. */
static int check_features(const tec_comm *comm, const tec_comm *alone)
{
    const tec_model_config config = {TEC_MODEL_VIT, {SIDE, SIDE}, 2,          1,
                                     .width = 24,   .depth = 2,   .heads = 3, .mlp_ratio = 4};
    const tec_features_settings settings = {.image_size = {SIDE, SIDE},
                                            .channels = 1,
                                            .normalisation = {.std = {1}},
                                            .reading = {.workers = 2, .prefetch = 2},
                                            .batch = 3,
                                            .tap = {.pooling = TEC_POOL_MEAN}};
    tec_dataset *set = open_images(comm);
    tec_frozen *frozen = NULL;
    tec_features share = {0}, all = {0};
    if (tec_frozen_create(&frozen, &config, settings.batch) != TEC_OK)
        tec_abort(TEC_SYSTEM_ERROR);
    tec_params_initialize(tec_frozen_params(frozen), 1);
    tec_frozen_ready(frozen);
    int64_t count = 0;
    int wrong = tec_features_compute(comm, &settings, set, frozen, "test", &share) != TEC_OK ||
                tec_features_compute(alone, &settings, set, frozen, "test", &all) != TEC_OK;
    if (!wrong) {
        count = share.count;
        wrong = share.total != IMAGES || all.count != IMAGES || share.first + share.count > IMAGES ||
                memcmp(share.value, all.value + share.first * all.width,
                       (size_t)share.count * (size_t)all.width * sizeof(real)) != 0;
    }
    tec_comm_sum_int64(comm, &count, 1);
    tec_features_free(&share);
    tec_features_free(&all);
    tec_frozen_close(frozen);
    tec_dataset_close(set);
    return wrong || count != IMAGES;
}

int main(void)
{
    tec_comm world, alone;
    tec_comm_start(&world);
    tec_comm_local(&alone);
    tec_log_enable(false);
    tec_knn_result knn[2];
    tec_probe_result probe[2];
    evaluate(&world, &knn[0], &probe[0]);
    evaluate(&alone, &knn[1], &probe[1]);
    int64_t wrong = check_empty_share(&world) + check_order(&world) + check_features(&world, &alone);
    wrong += memcmp(&knn[0], &knn[1], sizeof knn[0]) != 0;
    wrong += !(fabs(probe[0].loss - probe[1].loss) <= 1e-5 * probe[1].loss);
    wrong += llabs(probe[0].top1 - probe[1].top1) > 1 || llabs(probe[0].top5 - probe[1].top5) > 1;
    tec_comm_sum_int64(&world, &wrong, 1);
    if (world.rank == 0)
        printf("%s: %d ranks: knn %lld %lld %lld %lld alone %lld %lld %lld %lld; probe %.8f %lld alone %.8f %lld\n",
               wrong ? "FAIL" : "pass", world.size, (long long)knn[0].top1[0], (long long)knn[0].top5[0],
               (long long)knn[0].top1[1], (long long)knn[0].top5[1], (long long)knn[1].top1[0],
               (long long)knn[1].top5[0], (long long)knn[1].top1[1], (long long)knn[1].top5[1], probe[0].loss,
               (long long)probe[0].top1, probe[1].loss, (long long)probe[1].top1);
    tec_comm_finish(&world);
    return wrong != 0;
}
