/* Module data, private. What a scan notes beside its list: what it has warned of, and the folders it has read, so that it
 * can be told later on, without a look at each file, that it would find the same again (tec/dataset_kept.h). Local. */
#ifndef TEC_DATA_SCAN_NOTES_H
#define TEC_DATA_SCAN_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct tec_scan_texts {
    char **text;
    size_t count, room;
} tec_scan_texts;

/* Starts zeroed but for the first members, up to `role`. */
typedef struct tec_scan_notes {
    const char *labels_path, *labels; /* of TEC_LABELS_FILE: the file, and its text, ended by a 0 byte; borrowed */
    bool skip;                        /* as tec_dataset_scan_skipping does */
    const char *role; /* "train", "val": what it is for, where a file has several sets; NULL: not known; borrowed */
    bool unsure;      /* a folder has just been changed: another change at the same time would not show */
    int64_t images;   /* in the list */
    tec_scan_texts remarks; /* without the root before them */
    tec_scan_texts
        folders; /* as tec_scan_still_so takes them, and of arrays a choice; none: no list is kept of these */
} tec_scan_notes;

void tec_scan_notes_free(tec_scan_notes *notes);

/* Warns of something about the root, and notes it. */
void tec_scan_remark(tec_scan_notes *notes, const char *root, const char *text);

/* Notes a folder or archive that is going to be read (info: of now), and a link that leads nowhere. */
void tec_scan_note_folder(tec_scan_notes *notes, const char *relative, const struct stat *info);
void tec_scan_note_dead_link(tec_scan_notes *notes, const char *relative);

/* Notes what was chosen of what there is, in words. */
void tec_scan_note_choice(tec_scan_notes *notes, const char *words);

/* The path in a note of these two; the words of a choice. */
const char *tec_scan_noted_path(const char *note);

/* Is a noted folder, archive or link as it was? root "": paths are not relative to one. *relative: its path, which points into the note. */
bool tec_scan_still_so(const char *note, const char *root, const char **relative);

#endif
