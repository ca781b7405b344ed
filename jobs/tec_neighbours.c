/* tec neighbours: the nearest images by their features, and near-duplicates. */
#include "jobs.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/neighbours.h"
#include "tec/text.h"

#include <math.h>
#include <string.h>

enum { OPTION_OUT, OPTION_K, OPTION_DUPLICATES };

static const tec_option options[] = {
    {"o", TEC_OPTION_TEXT, "OUT.csv", .help = "the file to write, instead of standard output"},
    {"k", TEC_OPTION_WHOLE, "N", .help = "neighbours of an image, at most (default 5)", .least = 1,
     .most = TEC_NEIGHBOURS_MOST, .otherwise = 5},
    {"duplicates", TEC_OPTION_NUMBER, "X",
     .help =
         "only neighbours whose cosine similarity is at least X, up to 1e-6; 0.95 finds copies that were resized or compressed anew",
     .most = 1, .otherwise = 1},
    {0}};

static tec_status open_files(const tec_comm *comm, const tec_invocation *call, tec_feature_file **among,
                             tec_feature_file **of)
{
    TEC_TRY(tec_feature_file_open_share(among, call->files[0], comm->rank, comm->size));
    if (call->file_count == 2)
        TEC_TRY(tec_feature_file_open_share(of, call->files[1], comm->rank, comm->size));
    return tec_neighbours_check(*among, *of);
}

static void say_result(const tec_neighbours_job *job, const tec_neighbours_found *found)
{
    const long long images = (long long)tec_feature_file_rows(job->of ? job->of : job->among);
    if (!job->of)
        tec_log("%lld of %lld images are near-duplicates of images before them (similarity at least %g)",
                (long long)found->images, images, job->least);
    else
        tec_log("%lld of %lld images have neighbours, %lld lines", (long long)found->images, images,
                (long long)found->lines);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_argument *duplicates = &call->option[OPTION_DUPLICATES];
    const char *path = call->option[OPTION_OUT].text;
    if (call->file_count < 1 || call->file_count > 2)
        return tec_fail(TEC_USER_ERROR,
                        "command line: files of features are expected: tec neighbours A.h5 B.h5, or tec "
                        "neighbours A.h5 --duplicates 0.95");
    if (call->file_count == 1 && !duplicates->times)
        return tec_fail(TEC_USER_ERROR,
                        "command line: a second file is expected, whose images' neighbours are looked for, or "
                        "--duplicates X for near-duplicates within %s",
                        call->files[0]);
    if (call->file_count == 2 && tec_file_same(call->files[0], call->files[1]))
        return tec_fail(TEC_USER_ERROR,
                        "command line: %s is given twice, and every image would be its own neighbour: give "
                        "it once with --duplicates X",
                        call->files[0]);
    TEC_TRY(tec_job_check_output(comm, call, path));
    tec_feature_file *among = NULL, *of = NULL;
    tec_neighbours_found found;
    tec_status status = tec_comm_agree(comm, open_files(comm, call, &among, &of));
    const tec_neighbours_job job = {.comm = comm,
                                    .among = among,
                                    .of = of,
                                    .k = (int)call->option[OPTION_K].number,
                                    .least = duplicates->times ? duplicates->number : -INFINITY,
                                    .path = path};
    if (status == TEC_OK)
        status = tec_neighbours_write(&job, &found);
    if (status == TEC_OK)
        say_result(&job, &found);
    tec_feature_file_close(of);
    tec_feature_file_close(among);
    return status;
}

static const char *const sections[] = {"run.threads", "run.watchdog_minutes", NULL};

const tec_command tec_command_neighbours = {
    .name = "neighbours",
    .usage = "A.h5 [B.h5] [-o OUT.csv] [--k N] [--duplicates X] [section.key=value ...]",
    .summary = "find the nearest images by their features, and near-duplicates",
    .details =
        "A and B are files of `tec features` by the same model. For every image of B a line for each of its --k nearest "
        "images of A: path,rank,neighbour,similarity, nearest first, where similarity is the cosine of both features. With "
        "--duplicates X only neighbours at least so similar: images of a validation set that are in the training set, say.\n\n"
        "With one file and --duplicates X, near-duplicates within a set: for every image that has any, the nearest of "
        "those before it. A set without the images in the first column has no pair left that is so similar.\n\n"
        "The table is the same for any number of ranks, and appears once it is whole. Files need not fit in memory.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .takes_files = true,
    .run = run,
};
