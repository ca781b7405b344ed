/* Notes of a scan. A folder's times change when something in it is added, removed or renamed. */
#include "scan_notes.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRESH = 2 }; /* seconds; the coarsest clock of a file system that is about has steps of 2 s */

static void add(tec_scan_texts *texts, char *text)
{
    texts->text = tec_grow(texts->text, texts->count, &texts->room, sizeof *texts->text);
    texts->text[texts->count++] = text;
}

static void free_texts(tec_scan_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->text[i]);
    free(texts->text);
}

void tec_scan_notes_free(tec_scan_notes *notes)
{
    free_texts(&notes->remarks);
    free_texts(&notes->folders);
    *notes = (tec_scan_notes){0};
}

void tec_scan_remark(tec_scan_notes *notes, const char *root, const char *text)
{
    tec_warn("%s: %s", root, text);
    add(&notes->remarks, tec_string_copy(text));
}

/* "INODE MTIME CTIME ", times in seconds and nanoseconds. The device is left out: a network file system has another
 * number on each node. */
static char *mark_of(const struct stat *info)
{
    return tec_string_format("%llu %lld.%09ld %lld.%09ld ", (unsigned long long)info->st_ino,
                             (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (long long)info->st_ctim.tv_sec,
                             info->st_ctim.tv_nsec);
}

void tec_scan_note_folder(tec_scan_notes *notes, const char *relative, const struct stat *info)
{
    char *mark = mark_of(info);
    time_t fresh = time(NULL) - FRESH;
    if (info->st_mtim.tv_sec >= fresh || info->st_ctim.tv_sec >= fresh)
        notes->unsure = true;
    add(&notes->folders, tec_string_format("%s%s", mark, relative));
    free(mark);
}

void tec_scan_note_dead_link(tec_scan_notes *notes, const char *relative)
{
    add(&notes->folders, tec_string_format("- %s", relative));
}

void tec_scan_note_choice(tec_scan_notes *notes, const char *words)
{
    add(&notes->folders, tec_string_format("= %s", words));
}

const char *tec_scan_noted_path(const char *note)
{
    const bool mark = !tec_string_starts_with(note, "- ") && !tec_string_starts_with(note, "= ");
    for (int spaces = mark ? 3 : 1; spaces > 0 && *note; note++)
        spaces -= *note == ' ';
    return note;
}

bool tec_scan_still_so(const char *note, const char *root, const char **relative)
{
    struct stat info;
    bool dead = tec_string_starts_with(note, "- ");
    *relative = tec_scan_noted_path(note);
    char *path = *root ? tec_path_join(root, *relative) : tec_string_copy(*relative);
    bool there = !stat(path, &info);
    char *mark = there ? mark_of(&info) : NULL;
    bool same =
        dead ? !there : there && (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)) && tec_string_starts_with(note, mark);
    free(mark);
    free(path);
    return same;
}
