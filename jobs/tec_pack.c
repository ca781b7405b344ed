/* tec pack: packs many small image files into a few large ones. */
#include "jobs.h"

#include "tec/clock.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/pack.h"
#include "tec/phase.h"
#include "tec/room.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_SHARD_MB };

static const tec_option options[] = {{"shard-mb", TEC_OPTION_WHOLE, "N",
                                      .help = "approximate size of a file of the pack, in megabytes (default 1024)",
                                      .least = 1, .most = 1048576, .otherwise = 1024},
                                     {0}};

/* Lists the folder as training on it would, so that what training refuses or leaves out is no part of a pack either. */
static tec_status list_folder(const tec_settings *settings, const char *folder, const char *dir, char **list,
                              size_t *bytes)
{
    tec_label_mode labels = tec_setup_label_mode(settings);
    labels =
        labels == TEC_LABELS_FILE ? TEC_LABELS_NONE : labels; /* which is of use with the pack as with the folder */
    bool skip = settings->data.on_bad_image == TEC_BAD_IMAGE_SKIP;
    if (tec_dataset_is_list_file(folder))
        return tec_fail(
            TEC_USER_ERROR,
            "%s: a list file, whose labels a pack has no place for: pack the folder of its images, or train "
            "from the list file itself",
            folder);
    if (tec_dataset_is_archive(folder))
        return tec_fail(
            TEC_USER_ERROR,
            "%s: tar archives need no pack: data.train takes them as they are, and run.stage copies them to the "
            "nodes as it does a pack",
            folder);
    if (tec_path_is_within(dir, folder))
        return tec_fail(TEC_USER_ERROR,
                        "the pack %s would lie in the folder %s that it is made of, where it is taken for a class "
                        "without images: give a directory elsewhere",
                        dir, folder);
    return (skip ? tec_dataset_scan_skipping : tec_dataset_scan)(folder, labels, list, bytes);
}

/* Collective. Rank 0 lists the folder; all ranks plan the same pack. */
static tec_status open_pack(const tec_comm *comm, const tec_settings *settings, const char *folder, const char *dir,
                            int64_t shard_bytes, tec_pack **out)
{
    char *list = NULL;
    size_t bytes = 0;
    tec_status status = comm->rank == 0 ? list_folder(settings, folder, dir, &list, &bytes) : TEC_OK;
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK) {
        tec_comm_share_text(comm, &list, &bytes, 0);
        status = tec_pack_open(out, list, bytes, dir, shard_bytes);
    }
    if (status == TEC_OK)
        status = tec_comm_agree(comm, comm->rank == 0 ? tec_directory_make(dir) : TEC_OK);
    free(list);
    return status;
}

/* TEC_SYSTEM_ERROR: the missing shards do not fit on the disk. */
static tec_status check_room(const tec_pack *pack, const char *dir, const int64_t *missing)
{
    int64_t bytes = 0;
    char what[64];
    for (int64_t i = 1; i <= missing[0]; i++)
        bytes += tec_pack_shard_bytes(pack, (int)missing[i]);
    snprintf(what, sizeof what, "%lld of the pack's files", (long long)missing[0]);
    return bytes > 0 ? tec_room_check(dir, bytes, what, "give another directory for the pack") : TEC_OK;
}

/* On rank 0: checks all shards, so that a directory with another pack is refused before anything is written, and lists
 * the missing ones in missing[1 ..]; missing[0] is their number. */
static tec_status list_missing(const tec_pack *pack, const char *dir, int64_t *missing)
{
    tec_temporary_remove(dir, "", NULL);
    for (int shard = 0; shard < tec_pack_shards(pack); shard++) {
        bool done;
        TEC_TRY(tec_pack_shard_done(pack, shard, &done));
        if (!done)
            missing[++missing[0]] = shard;
    }
    return check_room(pack, dir, missing);
}

/* Collective. Of n ranks, each writes every n-th missing shard. */
static tec_status write_missing(const tec_comm *comm, const tec_pack *pack, const int64_t *missing)
{
    const double started = tec_seconds();
    tec_status status = TEC_OK;
    tec_phase_enter(TEC_PHASE_COMPUTE);
    for (int64_t first = 0; first < missing[0] && status == TEC_OK; first += comm->size) {
        if (first + comm->rank < missing[0])
            status = tec_pack_write_shard(pack, (int)missing[1 + first + comm->rank]);
        status = tec_comm_agree(comm, status);
        if (status != TEC_OK)
            break;
        tec_progress_count("pack", "shards", tec_min_int64(first + comm->size, missing[0]), missing[0], started);
    }
    tec_progress_end();
    return status;
}

static tec_status write_pack(const tec_comm *comm, const tec_pack *pack, const char *dir)
{
    double started = tec_seconds();
    size_t room = (size_t)(1 + tec_pack_shards(pack)) * sizeof(int64_t);
    int64_t *missing = tec_allocate_zeroed(1, room);
    tec_status status = tec_comm_agree(comm, comm->rank == 0 ? list_missing(pack, dir, missing) : TEC_OK);
    if (status == TEC_OK) {
        tec_comm_broadcast(comm, missing, room, 0);
        status = write_missing(comm, pack, missing);
    }
    if (status == TEC_OK)
        status = tec_comm_agree(comm, comm->rank == 0 ? tec_pack_finish(pack) : TEC_OK);
    if (status == TEC_OK && comm->rank == 0)
        printf("pack %s: %lld image%s in %d file%s of %lld bytes together, %lld of them written in %.1f s\n", dir,
               (long long)tec_pack_images(pack), tec_plural(tec_pack_images(pack)), tec_pack_shards(pack),
               tec_plural(tec_pack_shards(pack)), (long long)tec_pack_bytes(pack), (long long)missing[0],
               tec_seconds() - started);
    free(missing);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    tec_pack *pack = NULL;
    const int64_t shard_bytes = (int64_t)call->option[OPTION_SHARD_MB].number << 20;
    if (call->file_count != 2)
        return tec_fail(TEC_USER_ERROR,
                        "expected a folder of images and a directory for the pack: tec pack IMAGES PACK");
    const char *folder = call->files[0], *dir = call->files[1];
    tec_status status = open_pack(comm, &call->settings, folder, dir, shard_bytes, &pack);
    if (status == TEC_OK)
        status = write_pack(comm, pack, dir);
    tec_pack_close(pack);
    return status;
}

static const char *const sections[] = {"data.labels", "data.on_bad_image", "run", NULL};

const tec_command tec_command_pack = {
    .name = "pack",
    .usage = "[--shard-mb N] [-c CONFIG.yaml] [section.key=value ...] IMAGES PACK",
    .summary = "pack a folder of images into a few large files",
    .details =
        "Copies the images of a folder, unchanged, to a few tar files with an index each, for file "
        "systems on which opening many files is slow. Wherever data.train or data.val names the folder, "
        "the pack can be used instead: images have the same numbers, labels, crops and fingerprint, so "
        "a target store made from one can be used with the other, and a run can switch between them.\n\n"
        "The folder is listed as it is for training: a class none of whose images can be read is refused, unless "
        "data.labels=none; data.labels=folders leaves out images beside the class folders; a dead link that is "
        "named as an image is refused, or with data.on_bad_image=skip packed as an empty file, which keeps its "
        "number and is left out by that setting again.\n\n"
        "Existing files of the pack are kept: started once more, the command makes the missing ones. The "
        "pack is complete when PACK/pack.json is there. `cat PACK/*.tar | tar xi` restores the folder.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .takes_files = true,
    .run = run,
};
