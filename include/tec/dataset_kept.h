/* Module data, public. The list of the images of a folder, archives or arrays (tec_dataset_scan) kept beside a run or a
 * target store, so that the next start has to look at each folder only and not at each file, and reads no array. Local.
 *
 * DIR/NAME.list.gz is used if the same program wrote it, for the same labels, and if all folders of the tree are as they
 * were (inode, time of change), as are links that lead nowhere and the sizes of up to 1000 images, evenly spaced. A file
 * that was changed in its place is thus noticed now or when it is read. Of archives and arrays their files are in place
 * of folders, and the path must still mean the same ones. */
#ifndef TEC_DATASET_KEPT_H
#define TEC_DATASET_KEPT_H

#include "tec/dataset.h"

enum { TEC_LIST_PLACES = 2 };

typedef struct tec_list_request {
    const char *path; /* as of tec_dataset_scan */
    tec_label_mode labels;
    const char *labels_path, *label_text; /* of TEC_LABELS_FILE: the file, and its text, ended by a 0 byte */
    bool skip;                            /* as tec_dataset_scan_skipping does */
    const char *name;                     /* "train", "val": what it is for, too */
    const char *dir[TEC_LIST_PLACES];     /* where the list may be, asked in this order; "": nowhere */
} tec_list_request;

typedef struct tec_listed {
    char *list; /* as of tec_dataset_scan */
    size_t bytes;
    char *state; /* what a kept list needs besides; NULL: not to be kept, as it is or as a folder has just changed */
    size_t state_bytes;
} tec_listed;

/* For one rank: takes a list that is kept, and says so, with the warnings of its scan; otherwise scans. The caller frees
 * both members. A kept list that is damaged is warned of. Failures as of
 * tec_dataset_scan and, with TEC_LABELS_FILE, TEC_USER_ERROR: as tec_labels_read, or images that have no names. */
tec_status tec_dataset_list(const tec_list_request *request, tec_listed *out);

/* On every rank, after opening: where lists of this set may be. tec_dataset_read removes them when an image is not as it
 * was listed, so that the next start scans. state: taken over; NULL on ranks that have not listed. */
void tec_dataset_listed(tec_dataset *set, const tec_list_request *request, char *state, size_t state_bytes);

/* On the rank that has listed: keeps the list in `dir`, unless it was kept already or is not to be. A failure is warned
 * of, as nothing but time depends on it. */
void tec_dataset_list_keep(const tec_dataset *set, const char *dir);

#endif
